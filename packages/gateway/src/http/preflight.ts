import type { IncomingMessage, ServerResponse } from "node:http";

const METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE";
const HEADER_LIST = /^[!#$%&'*+.^_`|~0-9A-Za-z, -]{0,4000}$/;

/** True for a browser's question whether a page of another origin may send a request. Any other OPTIONS starts a run. */
export function isPreflight(request: IncomingMessage): boolean {
  const { origin, "access-control-request-method": method } = request.headers;
  return request.method === "OPTIONS" && origin !== undefined && method !== undefined;
}

/** Says yes: triggers are open to every page, without the browser's cookies. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const wanted = request.headers["access-control-request-headers"] ?? "";
  const headers = HEADER_LIST.test(wanted) && wanted !== "" ? ["access-control-allow-headers", wanted] : [];
  response.writeHead(204, [
    "access-control-allow-origin",
    "*",
    "access-control-allow-methods",
    METHODS,
    "access-control-max-age",
    "86400",
    ...headers,
  ]);
  response.end();
}
