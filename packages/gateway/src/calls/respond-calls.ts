import { PlatformError, type RunTokenClaims } from "@millrace/core";
import { ByteBudget } from "../http/byte-budget.ts";
import { AnswerStream, type AnswerStreamLimits } from "../runs/answer-stream.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import type { CallHandler, HostAnswer } from "./host-calls.ts";

/** How long one call waits for a slow client: less than the time after which a runner asks again. */
const PATIENCE_MS = 2_000;
/** How long the end of a stream is remembered, for a second copy of its last call. */
const REMEMBERED_MS = 10_000;
const HEADERS_MAX = 200;

/** What streamed answers are bounded by, and where they begin. */
export interface RespondCallsOptions {
  readonly desk: Pick<RunDesk, "openStream" | "closeStream">;
  /** A client that takes nothing for so long is given up. */
  readonly stallMs: number;
  /** Most bytes of pieces that wait for their clients, all together. */
  readonly bytesMax: number;
}

/**
 * The answers that steps send piece by piece to clients of this gateway. Each piece is a call of its own, answered when the
 * client has taken it: that is the back pressure. The run token alone says whose answer it is.
 */
export class RespondCalls {
  readonly handlers: Readonly<Record<string, CallHandler>>;
  readonly #desk: RespondCallsOptions["desk"];
  readonly #limits: AnswerStreamLimits;
  readonly #budget: ByteBudget;
  /** By run. */
  readonly #streams = new Map<string, { readonly assignment: number; readonly stream: AnswerStream }>();

  constructor({ desk, stallMs, bytesMax }: RespondCallsOptions) {
    this.#desk = desk;
    this.#limits = { patienceMs: PATIENCE_MS, stallMs };
    this.#budget = new ByteBudget(bytesMax);
    this.handlers = {
      "respond.open": (claims, { request }) => this.#open(claims, request),
      "respond.write": async (claims, { request, body }) => ({
        response: (await this.#find(claims)?.write(indexOf(request), body)) ?? GONE,
      }),
      "respond.end": async (claims) => ({ response: this.#find(claims)?.end() ?? GONE }),
      "respond.cut": async (claims) => ({ response: this.#find(claims)?.cut() }),
    };
  }

  async #open(claims: RunTokenClaims, request: unknown): Promise<HostAnswer> {
    const known = this.#find(claims);
    const stream = known ?? new AnswerStream(headOf(request), this.#limits, this.#budget);
    if (known === undefined && !this.#begin(claims, stream)) return { response: { wanted: false, gone: true } };
    const wanted = await stream.wanted;
    return { response: { wanted, gone: stream.gone } };
  }

  #begin({ runId, assignment }: RunTokenClaims, stream: AnswerStream): boolean {
    if (!this.#desk.openStream({ runId, assignment }, stream)) return false;
    this.#streams.set(runId, { assignment, stream });
    stream.onOver = () => {
      this.#desk.closeStream(runId, stream);
      setTimeout(() => {
        if (this.#streams.get(runId)?.stream === stream) this.#streams.delete(runId);
      }, REMEMBERED_MS).unref();
    };
    return true;
  }

  #find({ runId, assignment }: RunTokenClaims): AnswerStream | undefined {
    const held = this.#streams.get(runId);
    return held?.assignment === assignment ? held.stream : undefined;
  }
}

const GONE = { full: false, gone: true };

function indexOf(request: unknown): number {
  const { index } = (request ?? {}) as { index?: unknown };
  if (typeof index === "number" && Number.isSafeInteger(index) && index >= 0) return index;
  throw new PlatformError("InvalidArgument", "INVALID_PIECE", "a piece of a body needs its number");
}

/** Status and headers as the step gave them; what an answer may not carry is left out where it is written. */
function headOf(request: unknown): { status: number; headers: { name: string; value: string }[] } {
  const { status, headers } = (request ?? {}) as { status?: unknown; headers?: unknown };
  const whole = typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
  if (!whole || !Array.isArray(headers) || headers.length > HEADERS_MAX) {
    const message = "an answer needs a status from 200 to 599 and headers";
    throw new PlatformError("InvalidArgument", "INVALID_RESPONSE", message);
  }
  return { status, headers: headers.map((header) => headerOf(header as Record<string, unknown> | null)) };
}

function headerOf(header: Record<string, unknown> | null): { name: string; value: string } {
  const { name, value } = header ?? {};
  if (typeof name === "string" && typeof value === "string") return { name, value };
  throw new PlatformError("InvalidArgument", "INVALID_RESPONSE", "a header needs a name and a value");
}
