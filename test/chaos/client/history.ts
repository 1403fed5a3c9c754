import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";

/** What the client asks for. The first four start a run. */
export type OperationKind = "sync" | "at-once" | "create" | "replay" | "cancel" | "resume" | "follow";

/**
 * What is known of an operation: `ok` was acknowledged, `fail` was refused and changed nothing, `unknown` may have happened
 * or not.
 */
export type Outcome = "pending" | "ok" | "fail" | "unknown";

/** One thing that the client asked for, with the times on its own monotonic clock. */
export interface Operation {
  readonly id: number;
  readonly kind: OperationKind;
  readonly workflow: string;
  /** In the event of the run that it starts, so that the record tells which run is whose; a replay has that of the original. */
  readonly mark: string;
  readonly startMs: number;
  endMs: number | undefined;
  outcome: Outcome;
  /** The run that it started or is about. */
  run: string | undefined;
  /** Every run id that tries of one idempotency key were told. */
  readonly runs: string[];
  /** What the client got: an answer's token, the state of a run. */
  answer: string | undefined;
  error: string | undefined;
}

/** A fault as the nemesis made and healed it, on the same clock. */
export interface FaultRecord {
  readonly kind: string;
  readonly what: string;
  readonly startMs: number;
  /** When everything was as before. */
  endMs: number;
  /** From when on the house could work as a whole again: the start, unless the fault takes away what it cannot work without. */
  workableMs: number;
  /** Hosts that were frozen whole. */
  readonly frozen: readonly string[];
  /** Whose clock was moved. */
  readonly movesClock: boolean;
  error: string | undefined;
}

/** What a step told the witness. */
export interface Sighting {
  readonly atMs: number;
  readonly kind: "begin" | "tick" | "end" | "link";
  readonly workflow: string;
  readonly run: string;
  readonly step: number;
  /** Unique for each execution; the step returns it, so that history names the execution that was kept. */
  readonly token: string;
  /** Token that it found in the exports of the step before; null in the first step. */
  readonly before: string | null;
  readonly host: string;
  /** Link that ends the pause. */
  readonly link?: string;
}

/** Starts of runs, which an acknowledgement makes a promise. */
export const SUBMITS: ReadonlySet<OperationKind> = new Set(["sync", "at-once", "create", "replay"]);

/** Everything that the client did and saw, kept in memory and in a file. */
export class History {
  readonly operations: Operation[] = [];
  readonly faults: FaultRecord[] = [];
  readonly sightings: Sighting[] = [];
  readonly #file: WriteStream;
  readonly #onSighting = new Set<(sighting: Sighting) => void>();

  constructor(file: string) {
    this.#file = createWriteStream(file, { flags: "w", mode: 0o600 });
  }

  invoke(kind: OperationKind, workflow: string, mark: string, run?: string): Operation {
    const operation: Operation = {
      ...{ id: this.operations.length + 1, kind, workflow, mark, startMs: performance.now() },
      ...{ endMs: undefined, outcome: "pending", run, runs: [], answer: undefined, error: undefined },
    };
    this.operations.push(operation);
    this.write("invoke", operation);
    return operation;
  }

  finish(operation: Operation, outcome: Exclude<Outcome, "pending">, more: Partial<Operation> = {}): void {
    Object.assign(operation, more, { outcome, endMs: performance.now() });
    this.write(outcome, operation);
  }

  see(sighting: Sighting): void {
    this.sightings.push(sighting);
    this.write("sighting", sighting);
    for (const listener of this.#onSighting) listener(sighting);
  }

  onSighting(listener: (sighting: Sighting) => void): () => void {
    this.#onSighting.add(listener);
    return () => this.#onSighting.delete(listener);
  }

  write(what: string, value: object): void {
    // What is still tried when the test is over is not looked at.
    if (this.#file.writableEnded) return;
    this.#file.write(`${JSON.stringify({ t: Math.round(performance.now()), what, ...value })}\n`);
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, "close");
  }
}
