import { ApiError } from "../../api/http.ts";
import type { Draft } from "../../api/generated/types.ts";

/** Whether something was changed by somebody else meanwhile. */
export function isMismatch(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.reason === "ETAG_MISMATCH";
}

/** The number of a state of a draft. */
export function revision({ etag = "" }: Draft): number {
  return Number(etag.replaceAll(/\D/g, ""));
}
