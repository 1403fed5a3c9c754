import type { EventShape } from "@millrace/core";
import { decodeBody, type DecodedBody } from "./decode-body.ts";
import { encodeObject, encodePairs } from "./json-text.ts";
import { withoutHouseCookies } from "./house-cookies.ts";

/** A request to an HTTP trigger, read to its end. */
export interface TriggerRequest {
  readonly method: string;
  /** Below the endpoint, as sent, with a leading slash and without the query. */
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  /** Alternating names and values, as sent. */
  readonly rawHeaders: readonly string[];
  readonly contentType: string | undefined;
  /** As it was sent, or what stands for it when files in it were stored. */
  readonly body: Buffer | DecodedBody;
  readonly clientIp: string;
  /** The whole address under the house's public URL. */
  readonly url: string;
}

/** What a run gets of a request. */
export interface HttpEvent {
  /** JSON text of the event. */
  readonly eventJson: string;
  /** True when a key that the event lacks is looked up in its body. */
  readonly fallsBackToBody: boolean;
  /** JSON text for the context's `request`; undefined when the event is the request itself. */
  readonly requestJson: string | undefined;
}

/** A key or a session of the house: a caller that sends one to a trigger by mistake does not show it to user code. */
const API_KEY = /\bmrs?_[A-Za-z0-9_-]{40,}/;

/**
 * Makes the event of a request. It is text from the start: the body's JSON is spliced in as it was sent, so that nothing
 * in it (2^53+1, key order, doubled keys) changes on its way to Python.
 */
export function buildHttpEvent(request: TriggerRequest, shape: EventShape): HttpEvent {
  const body = Buffer.isBuffer(request.body) ? decodeBody(request.body, request.contentType) : request.body;
  const query = request.query === "" ? "{}" : encodePairs(new URLSearchParams(request.query));
  const head =
    `"method":${JSON.stringify(request.method)},"path":${JSON.stringify(request.path)},` +
    `"query":${query},"headers":${encodeObject(eventHeaders(request.rawHeaders))}`;
  const tail =
    `"client_ip":${JSON.stringify(request.clientIp)},"url":${JSON.stringify(request.url)}` +
    (body.isBase64 ? ',"body_encoding":"base64"' : "");
  if (shape === "body") {
    return { eventJson: body.json, fallsBackToBody: false, requestJson: `{${head},${tail}}` };
  }
  return {
    eventJson: `{${head},"body":${body.json},${tail}}`,
    fallsBackToBody: body.hasFields,
    requestJson: undefined,
  };
}

/** Headers with lower-case names; repeated ones are joined as HTTP says, cookies with a semicolon. */
function eventHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const sent = rawHeaders[i + 1]!;
    if (name === "authorization" && API_KEY.test(sent)) continue;
    const value = name === "cookie" ? withoutHouseCookies(sent) : sent;
    if (value === "" && sent !== "") continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return headers;
}
