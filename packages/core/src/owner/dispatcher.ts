import { decideAssign, decideMarkRunning } from "../run/decide.ts";
import { turnOf } from "../run/steps.ts";
import { ownTimeMs, type OwnedRun } from "./owned-run.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import { firstOf, laneKey, type Lane } from "./ready-queues.ts";
import type { RunnerEntry } from "./runner-table.ts";
import type { WorkflowQueue } from "./workflow-queue.ts";

/** Most workflows whose turn might go on that are looked at before the next one in turn is served. */
const EAGER_LOOKED_AT = 16;

/** Gives waiting runs to runners: fair between workflows, by priority and in the order of acceptance within one. */
export class Dispatcher {
  private readonly state: OwnerState;

  constructor(state: OwnerState) {
    this.state = state;
  }

  /**
   * Starts what can be started now: one run of each workflow in turn, so that a long queue starves nobody. A workflow that
   * cannot start whatever room there is (its limit is reached, say) stands aside until something of it changes.
   */
  dispatch(): void {
    const { state } = this;
    state.dispatchDue = false;
    if (!state.isLeased()) return;
    for (let lane = this.nextLane(); lane; lane = this.nextLane()) this.serve(lane);
  }

  /** The lane with the workflow that has been served least recently, among those for which there may be room. */
  private nextLane(): Lane | undefined {
    const { ready, runners } = this.state;
    let best: Lane | undefined;
    for (const lane of ready.lanes.values()) {
      const pool = runners.pool(lane.pool);
      if (!pool?.hasRoom || pool.news === lane.stuckAt) continue;
      if (!best || firstOf(lane)[1].turn < firstOf(best)[1].turn) best = lane;
    }
    return best;
  }

  /** Starts the next run of the lane's next workflow, or finds out what keeps it from starting. */
  private serve(lane: Lane): void {
    const { state } = this;
    const [queue, { part }] = firstOf(lane);
    const run = queue.peek();
    const nowMs = state.port.nowMs();
    if (!run || !state.isCurrent(part) || !this.mayStart(queue, part, nowMs)) return state.ready.delete(queue);
    if (laneKey(run.spec) !== lane.key) return state.ready.requeue(queue, part);
    const warm = state.runners.chooseWarm(run, nowMs);
    if ((!warm || warm.heartbeat.crowded) && this.extendTurn(lane, nowMs)) return;
    const entry = warm ?? state.runners.chooseRoomiest(run, nowMs);
    if (!entry) {
      lane.stuckAt = state.runners.pool(lane.pool)?.news ?? -1;
      return;
    }
    [queue.turnOpener, queue.turnMs] = [run.runId, 0];
    this.start(part, run, entry);
    state.ready.requeue(queue, part);
  }

  /**
   * Lets a workflow go on in the environment that it has just left, where the next one in turn would need a new environment or its
   * runner has too few of them: else each run of more workflows than there are environments ends the one that another comes back
   * to. True when a run was started.
   */
  private extendTurn(lane: Lane, nowMs: number): boolean {
    const { state } = this;
    let looked = 0;
    for (const queue of lane.eager) {
      if (++looked > EAGER_LOOKED_AT) break;
      const part = lane.queues.get(queue)?.part;
      const run = queue.peek();
      const canStart = run && part && state.isCurrent(part) && this.mayStart(queue, part, nowMs);
      if (!canStart || laneKey(run.spec) !== lane.key || !state.runners.isWarm(run)) {
        lane.eager.delete(queue);
        continue;
      }
      const entry = state.runners.chooseWarm(run, nowMs);
      if (!entry) continue;
      this.start(part, run, entry);
      state.ready.requeue(queue, part);
      return true;
    }
    return false;
  }

  /** Pools in which runs wait although slots there are offered to other schedulers, with the runners to tell. */
  *unserved(): Generator<RunnerEntry> {
    const { ready, runners, demand } = this.state;
    for (const lane of ready.lanes.values()) {
      if (runners.pool(lane.pool)?.hasRoom === false) yield* demand.toAsk(lane.pool);
    }
  }

  /** Under a limit: a place is free, and environments that a former owner knew of have died. */
  private mayStart(queue: WorkflowQueue, part: PartitionState, nowMs: number): boolean {
    if (queue.concurrencyLimit === 0) return true;
    const known = part.knowsPlaces || nowMs >= part.sinceMs + this.state.timing.limitedWaitMs;
    return known && queue.hasPlace();
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
    run.stampMs = entry.stampMs;
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
      waiting: state.demand.ofProject(run.spec.pool, run.spec.projectId),
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

  /** Time already spent counts against the run's limit. */
  private runTimeLeft(run: OwnedRun): number {
    return Math.max(1, run.spec.runTimeoutMs - ownTimeMs(run));
  }
}
