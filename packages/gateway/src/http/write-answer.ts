import type { IncomingMessage, ServerResponse } from "node:http";
import type { AnswerStream } from "../runs/answer-stream.ts";
import type { HttpAnswer } from "./http-answer.ts";

/** Statuses that HTTP gives no body. */
const BODILESS = new Set([204, 205, 304]);

/** What the kernel takes at once for a client that does not read. */
const SMALL_BYTES = 64 * 1024;
/** A body that goes out as one piece with its head, as text of the same bytes: two pieces cost more than that it is copied. */
const JOINED_BYTES = 4 * 1024;
/** A client that takes nothing of a larger answer for so long is given up: until then its bytes are in memory. */
const STALL_MS = 60_000;

/** Writes an answer whole; what a client that left would have got is dropped. */
export function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  if (BODILESS.has(answer.status)) {
    response.writeHead(answer.status, [...answer.headers]);
    response.end();
    return;
  }
  response.writeHead(answer.status, [...answer.headers, "content-length", String(answer.body.length)]);
  if (answer.body.length > SMALL_BYTES) response.setTimeout(STALL_MS, () => response.destroy());
  if (request.method === "HEAD") response.end();
  else if (answer.body.length <= JOINED_BYTES) response.end(answer.body.toString("latin1"), "latin1");
  else response.end(answer.body);
}

/** Begins an answer whose body comes piece by piece, chunked; the stream writes the rest. */
export function beginAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers }: HttpAnswer,
  stream: AnswerStream,
): void {
  const wantsBody = request.method !== "HEAD" && !BODILESS.has(status);
  try {
    if (!response.destroyed) response.writeHead(status, [...headers]).flushHeaders();
  } catch (thrown) {
    stream.cut();
    throw thrown;
  }
  stream.attach(response, wantsBody);
}

/** How long a client may go on sending what nobody reads, so that it gets to read why. */
const LINGER_MS = 1_000;

/**
 * Answers a request whose body is not read to its end, and closes the connection: what follows on it is no request. The
 * answer goes out whole at once, but the connection stays open for a moment while what still comes is thrown away: closing
 * it at once would make the client's kernel drop the answer before the client has read it.
 */
export function writeFinalAnswer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  const length = ["content-length", String(answer.body.length), "connection", "close"];
  response.writeHead(answer.status, [...answer.headers, ...length]);
  if (request.method !== "HEAD") response.write(answer.body);
  const timer = setTimeout(() => response.end(), LINGER_MS);
  const finish = (): void => {
    clearTimeout(timer);
    response.end();
  };
  request.once("end", finish);
  request.once("close", finish);
  request.resume();
}
