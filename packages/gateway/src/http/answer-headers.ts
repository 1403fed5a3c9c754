/** Headers of one connection only, and those that the server writes itself. */
const CONNECTION_HEADERS = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Headers whose effect reaches beyond the answer to everything else on the host, which all workflows share. */
const HOST_HEADERS = new Set([
  "accept-ch",
  "alt-svc",
  "clear-site-data",
  "critical-ch",
  "expect-ct",
  "nel",
  "origin-agent-cluster",
  "public-key-pins",
  "public-key-pins-report-only",
  "report-to",
  "reporting-endpoints",
  "sec-session-registration",
  "secure-session-registration",
  "service-worker-allowed",
  "set-cookie",
  "set-cookie2",
  "set-login",
  "strict-transport-security",
  "use-as-dictionary",
]);

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,16000}$/;

/** A header as an answer carries it. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

/**
 * What a workflow's answer carries: its own headers as far as they are valid and its own business, and what keeps a
 * browser from running it as a page of the house. The result alternates names and values, as `writeHead` takes them.
 */
export function answerHeaders(given: readonly Header[], runId: string | undefined): string[] {
  const headers: string[] = [];
  let allowsOrigin = false;
  for (const { name, value } of given) {
    const lower = name.toLowerCase();
    if (CONNECTION_HEADERS.has(lower) || HOST_HEADERS.has(lower) || lower === "x-content-type-options") continue;
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) continue;
    allowsOrigin ||= lower === "access-control-allow-origin";
    headers.push(name, value);
  }
  // A second policy narrows the first, so the answer's own one cannot undo this one.
  headers.push("content-security-policy", "sandbox", "x-content-type-options", "nosniff");
  if (!allowsOrigin) headers.push("access-control-allow-origin", "*");
  if (runId !== undefined) headers.push("millrace-run", runId);
  return headers;
}
