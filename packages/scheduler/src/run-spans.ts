import type { messages } from "@millrace/core";
import { spanNames, type Span, type Tracer } from "@millrace/telemetry";

/** Most runs whose spans are kept; beyond it the oldest are ended early. */
const RUNS_MAX = 20_000;

/** A run as far as its owner traces it: submitted, then accepted and waiting, then assigned. */
interface TracedRun {
  /** From the arrival of the first copy of the submit. */
  submit?: Span;
  acceptedAtMs?: number;
  assign?: { readonly number: number; readonly span: Span };
}

/**
 * The spans of runs that their owner sees: `run.submit` until the commit that accepts, `run.queue` until the assignment,
 * `run.assign` until the assignment's end. Copies of a message that was sent again belong to the same span. With tracing
 * off nothing is kept; what another scheduler has accepted hangs on the request's own span.
 */
export class RunSpans {
  readonly #tracer: Tracer;
  readonly #runs = new Map<string, TracedRun>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** A submit has arrived. */
  submitted({ runId, input }: messages.Submit): void {
    if (!this.#tracer.enabled || this.#runs.has(runId)) return;
    const submit = this.#start(spanNames.runSubmit, input.traceParent, input.traceId, runId);
    this.#keep(runId, { submit });
  }

  /** What became of a submit is known. */
  settled(runId: string, outcome: messages.SubmitOutcome, nowMs: number): void {
    const run = this.#runs.get(runId);
    if (run?.submit === undefined || run.acceptedAtMs !== undefined) return;
    run.acceptedAtMs = nowMs;
    if (outcome !== "ACCEPTED") {
      run.submit.fail(outcome);
      this.#runs.delete(runId);
    }
    run.submit.end(nowMs);
  }

  /** A run is handed to a runner, for the first time or after a pause; returns the trace parent for what happens there. */
  assigned({ runId, assignment, input, turn }: messages.Assign, nowMs: number): string {
    if (!this.#tracer.enabled) return "";
    const run = this.#runs.get(runId) ?? {};
    if (run.assign?.number === assignment) return run.assign.span.traceparent;
    if (run.assign !== undefined) {
      run.assign.span.fail("REASSIGNED");
      run.assign.span.end(nowMs);
    }
    const parent = run.submit?.traceparent ?? input.traceParent;
    // How long a run has rested is no time in a queue.
    const isFirst = run.assign === undefined && turn === undefined;
    const waitedFromMs = isFirst ? (run.acceptedAtMs ?? input.createTimeMs) : nowMs;
    const queue = this.#start(spanNames.runQueue, parent, input.traceId, runId, waitedFromMs);
    queue.end(nowMs);
    const span = this.#start(spanNames.runAssign, queue.traceparent, input.traceId, runId, nowMs);
    span.setAttributes({ "millrace.assignment": assignment });
    this.#keep(runId, { ...run, assign: { number: assignment, span } });
    return span.traceparent;
  }

  /** The run has left its runner for good. */
  ended(runId: string, nowMs: number): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    this.#runs.delete(runId);
    run.submit?.end(nowMs);
    run.assign?.span.end(nowMs);
  }

  /** Ends what is open, so that a stop leaves no span without its parent. */
  close(nowMs: number): void {
    for (const runId of this.#runs.keys()) this.ended(runId, nowMs);
  }

  #keep(runId: string, run: TracedRun): void {
    this.#runs.set(runId, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > RUNS_MAX && oldest !== undefined) this.ended(oldest, Date.now());
  }

  #start(
    name: (typeof spanNames)["runSubmit" | "runQueue" | "runAssign"],
    parent: string,
    traceId: string,
    runId: string,
    startTimeMs?: number,
  ): Span {
    return this.#tracer.startSpan(name, { parent, traceId, startTimeMs, attributes: { "millrace.run.id": runId } });
  }
}
