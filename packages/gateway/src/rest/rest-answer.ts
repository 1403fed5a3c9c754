import type { PlatformError } from "@millrace/core";
import { toHttpFailure } from "@millrace/rpc";
import type { HttpAnswer } from "../http/http-answer.ts";
import { httpStatusOf } from "../http/http-status.ts";

/** What keeps an answer of the API from being anything but data: no page, no frame, in no cache. */
export const DATA_HEADERS: readonly string[] = [
  ...["cache-control", "no-store"],
  ...["content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"],
  ...["cross-origin-resource-policy", "same-origin", "x-content-type-options", "nosniff"],
  ...["referrer-policy", "no-referrer"],
];

/** A JSON answer of the API. */
export function restAnswer(status: number, json: unknown, headers: readonly string[] = []): HttpAnswer {
  return {
    status,
    headers: [...DATA_HEADERS, "content-type", "application/json", ...headers],
    body: Buffer.from(`${JSON.stringify(json)}\n`),
  };
}

/** An error as the API shows it: the shape of AIP-193. */
export function restFailure(error: PlatformError, requestId: string): HttpAnswer {
  const failure = toHttpFailure(error, requestId);
  const status = httpStatusOf(error);
  const headers = Object.entries(failure.headers).flat();
  if (error.reason === "METHOD_NOT_ALLOWED") headers.push("allow", error.metadata["allow"] ?? "");
  if (status === 401) headers.push("www-authenticate", 'Bearer realm="millrace"');
  return restAnswer(status, { error: { ...failure.body.error, code: status } }, headers);
}
