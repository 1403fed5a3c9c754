import { PlatformError } from "@millrace/core";
import type { CallContext } from "@millrace/rpc";
import type { SessionRecord } from "@millrace/store";

/** Who calls the API: the project comes from the key or the session alone, never from what a request says. */
export interface ApiCaller {
  readonly projectId: string;
  /** The key that the call, or its session, was made with; empty for a user. */
  readonly apiKeyId: string;
  /** The session of the call; undefined for an API key itself. */
  readonly session?: SessionRecord | undefined;
}

/** A call to the API as services see it. */
export type ApiContext = CallContext<ApiCaller>;

/** Whether a caller may administer users and keys: administrators, and programs with a key. */
export function isAdministrator({ apiKeyId, session }: ApiCaller): boolean {
  return apiKeyId !== "" || session?.user?.administrator === true;
}

/** Throws `NOT_ADMINISTRATOR`. */
export function assertAdministrator(caller: ApiCaller): void {
  if (isAdministrator(caller)) return;
  throw new PlatformError("PermissionDenied", "NOT_ADMINISTRATOR", "this is for administrators");
}
