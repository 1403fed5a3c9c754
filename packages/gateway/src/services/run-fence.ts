import { PlatformError } from "@millrace/core";
import { staleAssignment, type AssignmentKey, type AssignmentStanding } from "@millrace/store";

/** What was found of an assignment serves for this long: far less than an owner waits before it makes the next one. */
const KNOWN_MS = 1_000;
const KNOWN_MAX = 10_000;

/** Looks up where an assignment stands. */
export type FindStanding = (key: AssignmentKey) => Promise<AssignmentStanding>;

/**
 * Keeps what a run may ask for from a runner that has lost it: one that was stopped wakes up with its token, which is as good
 * as it was, while the run goes on elsewhere. Writes are fenced in their own transactions beside this.
 */
export class RunFence {
  readonly #find: FindStanding;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, { readonly standing: AssignmentStanding; readonly atMs: number }>();

  constructor(find: FindStanding, nowMs: () => number = () => performance.now()) {
    this.#find = find;
    this.#nowMs = nowMs;
  }

  /** Throws `ASSIGNMENT_STALE` unless the run is in this assignment; `sure` when nothing older than now will do. */
  async assertCurrent(key: AssignmentKey, sure = false): Promise<void> {
    if ((await this.#standing(key, sure)) !== "CURRENT") throw staleAssignment();
  }

  /**
   * The same, but the assignment may have ended the run: what a run that is over asked for still helps the next one. While
   * the database is away nothing is known, and what is served from memory goes on being served.
   */
  async assertNotTaken(key: AssignmentKey): Promise<void> {
    try {
      if ((await this.#standing(key, false)) === "STALE") throw staleAssignment();
    } catch (thrown) {
      if (thrown instanceof PlatformError && thrown.kind === "Unavailable") return;
      throw thrown;
    }
  }

  async #standing({ runId, assignment }: AssignmentKey, sure: boolean): Promise<AssignmentStanding> {
    const key = `${runId}/${assignment}`;
    const known = this.#known.get(key);
    if (!sure && known !== undefined && this.#nowMs() - known.atMs < KNOWN_MS) return known.standing;
    const standing = await this.#find({ runId, assignment });
    this.#known.delete(key);
    this.#known.set(key, { standing, atMs: this.#nowMs() });
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!);
    return standing;
  }
}
