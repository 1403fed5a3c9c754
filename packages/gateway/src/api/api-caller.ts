import type { CallContext } from "@millrace/rpc";

/** Who calls the API: the project comes from the key alone, never from what a request says. */
export interface ApiCaller {
  readonly projectId: string;
  readonly apiKeyId: string;
}

/** A call to the API as services see it. */
export type ApiContext = CallContext<ApiCaller>;
