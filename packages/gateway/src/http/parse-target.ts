/** Where a request goes. */
export interface RequestTarget {
  /** As sent, without the query; starts with a slash. */
  readonly path: string;
  /** As sent, without the question mark; empty for none. */
  readonly query: string;
}

/** A request to a trigger. */
export interface TriggerTarget {
  readonly endpoint: string;
  /** Below the endpoint; starts with a slash. */
  readonly path: string;
}

const AUTHORITY = /^https?:\/\/[^/?#]*/i;
const TRIGGER = /^\/t\/([A-Za-z0-9_-]{1,128})(\/.*)?$/s;

/** Takes a request's target apart without decoding or resolving anything in it; both of its forms are read. */
export function parseTarget(target: string): RequestTarget {
  const local = target.startsWith("/") ? target : target.replace(AUTHORITY, "");
  const end = local.indexOf("?");
  const path = end < 0 ? local : local.slice(0, end);
  return { path: path.startsWith("/") ? path : `/${path}`, query: end < 0 ? "" : local.slice(end + 1) };
}

/** The endpoint and what is below it; undefined for paths that lead to no trigger. */
export function parseTriggerPath(path: string): TriggerTarget | undefined {
  const match = TRIGGER.exec(path);
  return match ? { endpoint: match[1]!, path: match[2] ?? "/" } : undefined;
}
