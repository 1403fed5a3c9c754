import type { PlatformError, StaticResponse, StepResponse } from "@millrace/core";
import { answerHeaders } from "./answer-headers.ts";

/** An answer ready to be written. */
export interface HttpAnswer {
  readonly status: number;
  /** Alternating names and values, without the content length. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** How a run ended for a client that waited for `pd.respond` in vain. */
export type NoAnswerCause = "NO_RESPONSE" | "RUN_PAUSED" | "RUN_FAILED" | "RUN_CANCELLED" | "WAIT_OVER";

const NO_ANSWER: Readonly<Record<NoAnswerCause, readonly [status: number, message: string]>> = {
  NO_RESPONSE: [400, "the run ended without calling pd.respond"],
  RUN_PAUSED: [400, "respond not called for this invocation: the run has paused without pd.respond; it goes on later"],
  RUN_FAILED: [500, "the run failed before it called pd.respond"],
  RUN_CANCELLED: [400, "the run was cancelled before it called pd.respond"],
  WAIT_OVER: [504, "the run has not answered in time; it goes on"],
};

const UNKNOWN_TYPE = "application/octet-stream";
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The answer of a trigger that answers when the run is durable. */
export function acceptedAnswer(runId: string): HttpAnswer {
  return jsonAnswer(200, { status: "accepted", run: runId }, runId);
}

/** The answer that a trigger's settings give to every request. */
export function staticAnswer(response: StaticResponse, runId: string): HttpAnswer {
  return contentAnswer(response.status, response.headers, Buffer.from(response.body), runId);
}

/** The answer that a step gave with `pd.respond`. */
export function stepAnswer(response: StepResponse, runId: string): HttpAnswer {
  const { status } = response;
  if (Number.isInteger(status) && status >= 200 && status <= 599) {
    return contentAnswer(status, response.headers, Buffer.from(response.body), runId);
  }
  return errorAnswer(500, "INVALID_RESPONSE", `the run answered with the status ${status}`, runId);
}

/** Status and headers of an answer whose body comes piece by piece; a client that is told nothing else must not guess. */
export function streamHead(stream: Pick<StepResponse, "status" | "headers">, runId: string): HttpAnswer {
  const hasType = stream.headers.some(({ name }) => name.toLowerCase() === "content-type");
  const typed = hasType ? stream.headers : [...stream.headers, { name: "content-type", value: UNKNOWN_TYPE }];
  return { status: stream.status, headers: answerHeaders(typed, runId), body: Buffer.alloc(0) };
}

/** The answer when a run gave none. */
export function noAnswer(cause: NoAnswerCause, runId: string): HttpAnswer {
  const [status, message] = NO_ANSWER[cause];
  return errorAnswer(status, cause, message, runId);
}

/** Seconds after which a client may try again, by reason. */
const RETRY_AFTER_S = 2;

/** The answer to a request that the house could not take. */
export function platformAnswer(error: PlatformError, status: number, runId?: string): HttpAnswer {
  const answer = errorAnswer(status, error.reason, publicMessage(error), runId);
  if (status !== 429 && status !== 503) return answer;
  return { ...answer, headers: [...answer.headers, "retry-after", String(RETRY_AFTER_S)] };
}

/** Where the house keeps what it knows, and under which names, is nothing for clients that anybody may be. */
export function publicMessage({ kind, reason, message }: PlatformError): string {
  if (reason === "DATABASE_UNAVAILABLE") return "the house's database does not answer at the moment; try again";
  return kind === "Internal" ? "the house failed; its log says why" : message;
}

/** An error as every HTTP door of the house shows it: `{error: {reason, message, run}}`. */
export function errorAnswer(status: number, reason: string, message: string, runId?: string): HttpAnswer {
  return jsonAnswer(status, { error: { reason, message, run: runId } }, runId);
}

/** A JSON answer of the house's own. */
export function jsonAnswer(status: number, body: object, runId?: string): HttpAnswer {
  const headers = answerHeaders([{ name: "content-type", value: "application/json" }], runId);
  return { status, headers, body: Buffer.from(`${JSON.stringify(body)}\n`) };
}

function contentAnswer(
  status: number,
  given: readonly { name: string; value: string }[],
  body: Buffer,
  runId: string,
): HttpAnswer {
  const hasType = given.some(({ name }) => name.toLowerCase() === "content-type");
  const typed = hasType || body.length === 0 ? given : [...given, { name: "content-type", value: typeOf(body) }];
  return { status, headers: answerHeaders(typed, runId), body };
}

/** Browsers are told not to guess, so an answer without a type gets one. */
function typeOf(body: Buffer): string {
  try {
    utf8.decode(body);
    return "text/plain; charset=utf-8";
  } catch {
    return UNKNOWN_TYPE;
  }
}
