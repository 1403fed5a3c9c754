import type { GoneCause, GoneRun, Handing, Heartbeat, Owner as OwnerStamp, Refused } from "../messages.ts";
import { DEATHS_MAX, decidePoison } from "../run/decide.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { lingerKey } from "./handovers.ts";
import { loseByWord, loseInSilence } from "./lost-attempts.ts";
import { isInFlight, isLimited, type OwnedRun } from "./owned-run.ts";
import { handingOf, type OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { DeathCause } from "./record.ts";

/** Deaths that count towards poison: the run's own environment or worker died. An infrastructure death is nobody's fault. */
const OWN_DEATHS: ReadonlyMap<GoneCause, DeathCause> = new Map([
  ["ENVIRONMENT_DIED", "ENVIRONMENT_DIED"],
  ["WORKER_DIED", "WORKER_DIED"],
]);

/** Makes memory and runners agree: from heartbeats, from silence, from refusals. */
export class Reconciler {
  private readonly state: OwnerState;
  private readonly dispatcher: Dispatcher;
  private readonly onPoison: (part: PartitionState, run: OwnedRun) => void;

  /** @param onPoison called once the end of a poisoned run is committed */
  constructor(state: OwnerState, dispatcher: Dispatcher, onPoison: (part: PartitionState, run: OwnedRun) => void) {
    this.state = state;
    this.dispatcher = dispatcher;
    this.onPoison = onPoison;
  }

  /** Adopts, renews, kills what is stale, takes back what is gone, sends a lost `Assign` again. */
  heartbeat(beat: Heartbeat): void {
    const { state } = this;
    if (!state.runners.update(beat, state.port.nowMs(), (partition) => state.owned.has(partition))) return;
    state.dispatchDue = true;
    if (!state.isLeased()) return;
    const renew: Handing[] = [];
    const kill: Handing[] = [];
    for (const { handing } of beat.held) this.judge(beat, handing, renew, kill);
    for (const gone of beat.gone) this.takeBack(beat, gone);
    this.resendLost(beat);
    this.order(beat.runner, beat.incarnation, beat.stampMs, renew, kill);
  }

  /** One run that a runner lists: goes on living, must end, or is left to the commit that decides about it. */
  private judge(beat: Heartbeat, handing: Handing, renew: Handing[], kill: Handing[]): void {
    const part = this.state.owned.get(handing.partition);
    if (!part) return;
    const run = part.runs.get(handing.runId);
    if (!run) return void kill.push(handing);
    if (isInFlight(run)) return;
    if (run.assignment === handing.assignment && this.mayAdopt(run)) this.adopt(part, run, beat);
    const here = run.runner === beat.runner && run.runnerIncarnation === beat.incarnation;
    if (run.phase === "RUNNING" && run.assignment === handing.assignment && here) {
      run.heardAtMs = this.state.port.nowMs();
      run.started = true;
      renew.push(handing);
    } else if (run.assignment > handing.assignment || run.phase !== "RUNNING" || run.runner !== beat.runner) {
      kill.push(handing);
    }
  }

  /** Also one given up, if its next assignment is not made: else its environment would hold the slot for ever. */
  private mayAdopt(run: OwnedRun): boolean {
    return run.phase === "DOUBT" || (run.phase === "PENDING" && !isLimited(run));
  }

  private adopt(part: PartitionState, run: OwnedRun, beat: Heartbeat): void {
    run.fresh = false;
    run.lost = undefined;
    run.runner = beat.runner;
    run.runnerIncarnation = beat.incarnation;
    const entry = this.state.runners.get(beat.runner);
    if (entry) this.state.runners.occupy(entry, run);
    this.state.move(part, run, "RUNNING");
  }

  private takeBack(beat: Heartbeat, { handing, cause }: GoneRun): void {
    const part = this.state.owned.get(handing.partition);
    const run = part?.runs.get(handing.runId);
    part?.workflows.forEach((queue) => queue.linger.delete(lingerKey(handing)) && this.state.wake(queue, part));
    if (!part || !run || run.assignment !== handing.assignment) return;
    const here = run.runner === beat.runner && run.runnerIncarnation === beat.incarnation;
    if (run.phase !== "DOUBT" && !(run.phase === "RUNNING" && here)) return;
    const death = OWN_DEATHS.get(cause);
    if (death) run.deaths = [...run.deaths, death];
    loseByWord(run, cause, this.state.port);
    if (run.deaths.length >= DEATHS_MAX) this.poison(part, run);
    else this.state.giveUp(part, run);
  }

  private poison(part: PartitionState, run: OwnedRun): void {
    const decision = decidePoison(run, this.state.port.wallMs());
    this.state.decide(part, run, decision, "ENDING", () => this.onPoison(part, run));
  }

  private resendLost(beat: Heartbeat): void {
    const entry = this.state.runners.get(beat.runner);
    if (!entry) return;
    const listed = new Set(beat.held.map(({ handing }) => lingerKey(handing)));
    const nowMs = this.state.port.nowMs();
    for (const run of entry.mine) {
      if (run.phase !== "RUNNING" || run.started || nowMs - run.sentAtMs <= this.state.timing.assignResendMs) continue;
      if (run.runnerIncarnation !== beat.incarnation || listed.has(lingerKey(handingOf(run)))) continue;
      const part = this.state.owned.get(run.partition);
      if (part) this.dispatcher.assign(part, run);
    }
  }

  /** Sends renewals and kills, with the epochs of the partitions that they name. */
  order(runner: string, runnerIncarnation: string, stampMs: number, renew: Handing[], kill: Handing[]): void {
    const owners = new Map<number, OwnerStamp>();
    for (const { partition } of [...renew, ...kill]) {
      const part = this.state.owned.get(partition);
      if (part) owners.set(partition, part.stamp);
    }
    const { scheduler } = this.state.settings;
    const pool = this.state.runners.get(runner)?.heartbeat.pool;
    this.state.port.toRunner(runner, "renew", {
      scheduler,
      owners: [...owners.values()],
      runnerIncarnation,
      stampMs,
      renew,
      kill,
      demand: pool === undefined ? [] : this.state.demand.of(pool),
    });
  }

  /** Tells runners what waits here, where slots that others do not need may be had. */
  ask(): void {
    for (const entry of this.dispatcher.unserved()) {
      entry.toldAtMs = this.state.port.nowMs();
      this.order(entry.heartbeat.runner, entry.heartbeat.incarnation, 0, [], []);
    }
  }

  /** The number may be used again only if its runner says that it never did and never will start this very copy. */
  refused(message: Refused): void {
    const { handing, runner, stampMs, neverStarted } = message;
    const part = this.state.owned.get(handing.partition);
    const run = part?.runs.get(handing.runId);
    if (!part) return;
    // It is about another owner's slots: somebody else has made the assignment.
    if (run?.phase === "DOUBT") return this.refusedBefore(part, run, message);
    if (!run || run.phase !== "RUNNING" || run.assignment !== handing.assignment)
      return this.state.runners.refused(message);
    if (run.runner !== runner || run.started || !neverStarted || stampMs !== run.stampMs) return;
    this.state.runners.vacate(run, false);
    this.state.runners.refused(message);
    run.fresh = true;
    this.state.move(part, run, "PENDING");
  }

  /** The runner that the owner before us named has not taken the run, and takes nothing from that owner any more. */
  private refusedBefore(part: PartitionState, run: OwnedRun, { handing, runner, neverStarted }: Refused): void {
    const isIt = neverStarted && run.assignment === handing.assignment && run.runner === runner;
    if (isIt && !isLimited(run)) this.state.giveUp(part, run);
  }

  /** Timers: assignments whose runner is silent, places held by environments of cancelled runs. */
  patrol(): void {
    const { state } = this;
    const nowMs = state.port.nowMs();
    const mayDeclare = state.connected && nowMs >= state.graceUntilMs;
    for (const part of state.owned.values()) {
      for (const run of part.runs.values()) {
        if (!mayDeclare || !this.isSilent(part, run, nowMs)) continue;
        loseInSilence(run, state.port);
        state.giveUp(part, run);
      }
      part.sweep(nowMs);
      for (const queue of part.workflows.values()) state.wake(queue, part);
    }
    state.runners.forgetSilent(nowMs);
    state.handovers.sweep(nowMs);
    state.dispatchDue = true;
  }

  private isSilent(part: PartitionState, run: OwnedRun, nowMs: number): boolean {
    const { waitMs, limitedWaitMs, doubtMs } = this.state.timing;
    if (run.phase === "RUNNING") return nowMs - run.heardAtMs > (isLimited(run) ? limitedWaitMs : waitMs);
    return run.phase === "DOUBT" && nowMs - part.sinceMs > (isLimited(run) ? limitedWaitMs : doubtMs);
  }
}
