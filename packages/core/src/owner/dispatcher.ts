import { decideAssign, decideMarkRunning } from "../run/decide.ts";
import { turnOf } from "../run/steps.ts";
import type { OwnedRun } from "./owned-run.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { RunnerEntry } from "./runner-table.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** Gives waiting runs to runners: fair between workflows, by priority and in the order of acceptance within one. */
export class Dispatcher {
  private readonly state: OwnerState;

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Starts what can be started now. One run of each workflow a round, so that a long queue starves nobody. */
  dispatch(): void {
    const { state } = this;
    state.dispatchDue = false;
    if (!state.isLeased()) return;
    let progress = true;
    while (progress && state.runners.hasOffer(state.port.nowMs())) {
      progress = false;
      for (const [queue, part] of [...state.ready]) {
        if (queue.size === 0) {
          state.ready.delete(queue);
          continue;
        }
        if (!this.startNext(queue, part)) continue;
        progress = true;
        state.ready.delete(queue);
        if (queue.size > 0) state.ready.set(queue, part);
        if (!state.runners.hasOffer(state.port.nowMs())) return;
      }
    }
  }

  private startNext(queue: WorkflowQueue, part: PartitionState): boolean {
    const { state } = this;
    const run = queue.peek();
    const nowMs = state.port.nowMs();
    if (!run || !state.isCurrent(part) || run.notBeforeMs > nowMs || !this.mayStart(queue, part, nowMs)) return false;
    const entry = state.runners.choose(run, nowMs);
    if (!entry) return false;
    this.start(part, run, entry);
    return true;
  }

  /** Under a limit: a place is free, and environments that a former owner knew of have died. */
  private mayStart(queue: WorkflowQueue, part: PartitionState, nowMs: number): boolean {
    if (queue.concurrencyLimit === 0) return true;
    return nowMs >= part.sinceMs + this.state.timing.limitedWaitMs && queue.hasPlace();
  }

  private start(part: PartitionState, run: OwnedRun, entry: RunnerEntry): void {
    const { state } = this;
    state.runners.occupy(entry, run);
    run.runner = entry.heartbeat.runner;
    run.runnerIncarnation = entry.heartbeat.incarnation;
    run.started = false;
    run.heardAtMs = state.port.nowMs();
    if (run.fresh) {
      run.fresh = false;
      state.move(part, run, "RUNNING");
      this.assign(part, run);
      return;
    }
    state.decide(part, run, decideAssign(run), "ASSIGNING", () => {
      if (run.phase !== "ASSIGNING") return;
      state.move(part, run, "RUNNING");
      run.heardAtMs = state.port.nowMs();
      this.announce(part, run);
      this.assign(part, run);
    });
  }

  /** Sends or repeats an `Assign` with the stamp of the newest heartbeat of its runner. */
  assign(part: PartitionState, run: OwnedRun): void {
    const { state } = this;
    const entry = state.runners.get(run.runner);
    if (!state.isLeased() || !state.isCurrent(part) || entry?.heartbeat.incarnation !== run.runnerIncarnation) return;
    run.heardAtMs = entry.receivedAtMs;
    run.stampMs = entry.heartbeat.stampMs;
    run.sentAtMs = state.port.nowMs();
    if (!run.marked) state.unmarked.add(run);
    const turn = turnOf(run);
    state.port.toRunner(run.runner, "assign", {
      owner: part.stamp,
      runId: run.runId,
      assignment: run.assignment,
      spec: run.spec,
      input: run.input,
      doneSteps: turn?.runs === 1 || !turn ? run.steps : run.steps.slice(0, -1),
      runnerIncarnation: run.runnerIncarnation,
      stampMs: run.stampMs,
      gateway: run.wantsAnswer ? run.gateway : "",
      runTimeLeftMs: this.runTimeLeft(run),
      turn,
      tmp: run.steps.findLast(({ tmp }) => tmp !== undefined)?.tmp,
      waiting: 0,
    });
  }

  /** Marks on the next commit what has been running for a while; `RUNNING` needs no commit of its own before that. */
  markRunning(): void {
    const { state } = this;
    const before = state.port.nowMs() - state.timing.markRunningMs;
    for (const run of state.unmarked) {
      if (run.sentAtMs > before) return;
      state.unmarked.delete(run);
      const part = state.owned.get(run.partition);
      if (!part || part.runs.get(run.runId) !== run || run.phase !== "RUNNING" || run.marked) continue;
      const startTimeMs = state.port.wallMs() - (state.port.nowMs() - run.sentAtMs);
      state.decide(part, run, decideMarkRunning(run, startTimeMs), "RUNNING", () => undefined);
    }
  }

  /** A waiting gateway learns that earlier assignments' immediate answers no longer count. */
  private announce(part: PartitionState, run: OwnedRun): void {
    if (!run.wantsAnswer || run.gateway === "") return;
    const { runId, assignment } = run;
    this.state.port.toGateway(run.gateway, "reassigned", { owner: part.stamp, runId, assignment });
  }

  /** Time already spent in finished steps counts against the run's limit; waiting and suspended time does not. */
  private runTimeLeft(run: OwnedRun): number {
    const spent = run.steps.reduce((sum, step) => sum + Math.max(0, step.endTimeMs - step.startTimeMs), 0);
    return Math.max(1, run.spec.runTimeoutMs - spent);
  }
}
