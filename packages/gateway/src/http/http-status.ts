import type { PlatformError } from "@millrace/core";
import { httpStatusOf as statusOfKind } from "@millrace/rpc";

/** Reasons that HTTP says more exactly than their kind does. */
const BY_REASON: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  EVENT_TOO_LARGE: 413,
  FORM_TOO_LARGE: 413,
  TOO_MANY_PARTS: 413,
  // The workflow's queue is the caller's own business (429), the gateway's room is the house's.
  GATEWAY_BUSY: 503,
  OVERLOADED: 503,
  // The content does not fit into what the project may store.
  STORAGE_FULL: 413,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  ETAG_MISMATCH: 412,
  UNSUPPORTED_MEDIA_TYPE: 415,
};

/** The HTTP status of an error. */
export function httpStatusOf(error: PlatformError): number {
  return BY_REASON[error.reason] ?? statusOfKind(error.kind);
}
