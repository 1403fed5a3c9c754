import type { IncomingMessage } from "node:http";

const MAX_AGE_S = 600;
const REQUEST_HEADERS =
  "authorization, content-type, if-match, if-none-match, last-event-id, x-request-id, traceparent";

/** Lets pages of other origins call the API with a key of their own: only those that the operator names, and never with cookies. */
export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Headers of every answer to an allowed origin. */
  headersFor({ headers }: IncomingMessage): [string, string][] {
    if (this.#origins.size === 0) return [];
    const vary: [string, string] = ["vary", "origin"];
    const { origin } = headers;
    if (origin === undefined || !this.#origins.has(origin)) return [vary];
    return [vary, ["access-control-allow-origin", origin], ["access-control-expose-headers", "etag, x-request-id"]];
  }

  /** Headers of the answer to a preflight; alternating names and values. */
  preflightHeaders({ headers }: IncomingMessage, verbs: readonly string[]): string[] {
    const { origin } = headers;
    if (origin === undefined || !this.#origins.has(origin)) return [];
    return [
      ...["access-control-allow-methods", verbs.join(", ")],
      ...["access-control-allow-headers", REQUEST_HEADERS, "access-control-max-age", String(MAX_AGE_S)],
    ];
  }
}
