import type { Submit, SubmitRefusal } from "../messages.ts";
import { WORKFLOW_TRIGGER } from "../run/children.ts";
import type { SubmitQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";

/** Most refusals that wait for the record; of more, the sender's next copy asks again. */
const WAITING_MAX = 5_000;
/** Submits that one read is about. */
const SUBMITS_A_READ = 500;
/** Most refusals that are remembered, for copies that come later. */
const TOLD_MAX = 10_000;

interface Refusal {
  readonly part: PartitionState;
  readonly query: SubmitQuery;
  readonly gateway: string;
  readonly outcome: SubmitRefusal;
  readonly isFinal: boolean;
}

/** What is told to whoever submitted. */
export interface RefusalHooks {
  refused(part: PartitionState, runId: string, gateway: string, outcome: SubmitRefusal): void;
  accepted(part: PartitionState, runId: string, gateway: string, actualRunId: string): void;
}

/**
 * Submits that there is no room for. An earlier copy may have been accepted, and its run be in the record alone: so the record is
 * asked before anybody is told, for many at once. What was told once is told to later copies too.
 */
export class Refusals {
  private readonly state: OwnerState;
  private readonly hooks: RefusalHooks;
  private readonly waiting = new Map<string, Refusal>();
  private readonly told = new Map<string, SubmitRefusal>();
  private reading = false;

  constructor(state: OwnerState, hooks: RefusalHooks) {
    this.state = state;
    this.hooks = hooks;
  }

  /** True when a submit was refused before, or is about to be: nothing else becomes of it. */
  repeats(part: PartitionState, { runId, gateway }: Submit): boolean {
    const outcome = this.told.get(runId);
    if (outcome) this.hooks.refused(part, runId, gateway, outcome);
    return outcome !== undefined || this.waiting.has(runId);
  }

  /** There is no room for a submit. */
  add(part: PartitionState, submit: Submit, outcome: SubmitRefusal): void {
    if (this.waiting.size >= WAITING_MAX) return;
    const { runId, spec, idempotencyKey, gateway, input } = submit;
    const query = { partition: part.partition, runId, workflowId: spec.workflowId, idempotencyKey };
    // Who starts a run from another run asks until it is accepted.
    const isFinal = input.triggerKind !== WORKFLOW_TRIGGER;
    this.waiting.set(runId, { part, query, gateway, outcome, isFinal });
    this.pump();
  }

  private pump(): void {
    if (this.reading || this.waiting.size === 0) return;
    this.reading = true;
    const queries = [...this.waiting.values()].slice(0, SUBMITS_A_READ).map(({ query }) => query);
    this.state.port.findSubmits(queries);
  }

  /** For each query the run that it stands for, undefined for none; undefined when the record could not be read. */
  onFound(queries: readonly SubmitQuery[], found: readonly (string | undefined)[] | undefined): void {
    this.reading = false;
    for (const [index, { runId }] of queries.entries()) {
      const refusal = this.waiting.get(runId);
      this.waiting.delete(runId);
      // Nobody is told what is not known: the sender's next copy asks again.
      if (refusal && found) this.tell(refusal, found[index]);
    }
    this.pump();
  }

  private tell({ part, query, gateway, outcome, isFinal }: Refusal, actualRunId: string | undefined): void {
    if (!this.state.isCurrent(part)) return;
    if (actualRunId !== undefined) return this.hooks.accepted(part, query.runId, gateway, actualRunId);
    if (isFinal) this.told.set(query.runId, outcome);
    if (this.told.size > TOLD_MAX) this.told.delete(this.told.keys().next().value!);
    this.hooks.refused(part, query.runId, gateway, outcome);
  }
}
