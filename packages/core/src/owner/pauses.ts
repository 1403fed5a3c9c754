import type { Cancel, Resume, ResumeOutcome } from "../messages.ts";
import { decideResume, decideWake, type Decision } from "../run/decide.ts";
import { hasRoom } from "../run/run-size.ts";
import { isEndState, type RunState } from "../run/run-state.ts";
import { isBehind } from "../run/steps.ts";
import { bytesOf, isInFlight, loadRun, type OwnedRun } from "./owned-run.ts";
import type { RunRequest, WakeQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { FoundRun, WakePage } from "./record.ts";

/** Paused runs are read this long before they wake. */
const AHEAD_MS = 500;
/** With more in memory that are paused or on their way out of a pause, no further ones are read. */
const SLEEPERS_MAX = 5_000;
const SLEEPERS_BYTES_MAX = 64 * 1024 ** 2;
/** Partitions that one read of paused runs is about, those whose runs are due first. */
const PARTITIONS_A_PAGE = 16;

const NO_RUN: FoundRun = { state: undefined, resting: undefined, resumedBy: undefined };
/** Phases between a pause and the queue. */
const ASLEEP: ReadonlySet<string> = new Set(["SUSPENDED", "RESUMING", "PARKING"]);

/** What ends of pauses lead to elsewhere. */
export interface PauseHooks {
  /** The end of a run is committed. */
  finish(part: PartitionState, run: OwnedRun, warm: boolean): void;
  cancel(message: Cancel): void;
  cancelled(part: PartitionState, message: Cancel, state: RunState | undefined): void;
}

/** Pauses from their commit to their end: by the clock, by a request, by a cancel. */
export class Pauses {
  private readonly state: OwnerState;
  private readonly hooks: PauseHooks;
  private paging = false;

  constructor(state: OwnerState, hooks: PauseHooks) {
    this.state = state;
    this.hooks = hooks;
  }

  /** A pause is committed. A run that wakes much later leaves the memory. */
  begin(part: PartitionState, run: OwnedRun): void {
    this.state.runners.vacate(run, true);
    run.bytes = bytesOf(run.input, run.steps);
    this.state.move(part, run, "SUSPENDED");
    this.release(part, run);
  }

  private release(part: PartitionState, run: OwnedRun): void {
    const wakeTimeMs = run.wakeTimeMs ?? 0;
    if (run.phase !== "SUSPENDED" || !part.sleepers.mayLeave(wakeTimeMs, this.state.port.wallMs(), run.bytes)) return;
    this.state.forget(part, run, false);
    part.sleepers.expect(wakeTimeMs);
  }

  // The clock

  /** Wakes what is due and reads what soon will be. */
  patrol(): void {
    const wallMs = this.state.port.wallMs();
    let [runs, bytes] = [0, 0];
    for (const part of this.state.owned.values()) {
      for (const run of part.runs.values()) {
        if (run.phase === "SUSPENDED" && (run.wakeTimeMs ?? 0) <= wallMs) this.wake(part, run, wallMs);
        if (!ASLEEP.has(run.phase)) continue;
        runs += 1;
        bytes += run.bytes;
      }
    }
    if (!this.paging && runs < SLEEPERS_MAX && bytes < SLEEPERS_BYTES_MAX) this.pageDue(wallMs + AHEAD_MS);
  }

  private wake(part: PartitionState, run: OwnedRun, wallMs: number): void {
    const decision = decideWake(run, wallMs);
    if (decision) this.state.decide(part, run, decision, "ENDING", () => this.hooks.finish(part, run, true));
    else if (part.queueOf(run.spec.workflowId).parks(run)) this.state.park(part, run);
    else this.enqueue(part, run);
  }

  private enqueue(part: PartitionState, run: OwnedRun): void {
    run.fresh = false;
    run.started = false;
    this.state.move(part, run, "PENDING");
  }

  private pageDue(untilMs: number): void {
    const parts = [...this.state.owned.values()].filter(({ sleepers }) => sleepers.nextWakeMs <= untilMs);
    if (parts.length === 0) return;
    parts.sort((a, b) => a.sleepers.nextWakeMs - b.sleepers.nextWakeMs);
    const due = new Map<number, WakeQuery>();
    for (const part of parts.slice(0, PARTITIONS_A_PAGE)) {
      const { readToMs, readToId } = part.sleepers;
      const query = { epoch: part.stamp.epoch, readToMs, readToId };
      due.set(part.partition, query);
      part.departures.beginRead(query);
      part.sleepers.beginPage(untilMs);
    }
    this.paging = true;
    this.state.port.page(due, untilMs);
  }

  /** Pages were read; undefined when they could not be, which is tried again. True when a partition was lost. */
  onPaged(queries: ReadonlyMap<number, WakeQuery>, pages: ReadonlyMap<number, WakePage> | undefined): boolean {
    this.paging = false;
    let lost = false;
    for (const [partition, query] of queries) {
      const part = this.partOf(partition, query.epoch);
      if (!part) continue;
      const page = pages?.get(partition);
      this.takePage(part, query, page);
      // Nothing else might ever tell: there is nothing to commit in a partition whose runs all sleep.
      if (!pages || page) continue;
      this.state.drop(partition);
      lost = true;
    }
    // Where there was more than a page, the next one follows at once; what failed is tried again with the next tick.
    if (pages) this.patrol();
    return lost;
  }

  private takePage(part: PartitionState, query: WakeQuery, page: WakePage | undefined): void {
    const { departures, sleepers, runs } = part;
    const believed = page && departures.isBelievable(query) ? page : undefined;
    for (const row of believed?.rows ?? []) {
      if (!runs.has(row.runId) && departures.isFresh(query, row.runId)) this.state.insert(part, loadRun(row));
    }
    departures.endRead(query);
    sleepers.endPage(believed);
  }

  // Requests

  onResume(message: Resume): void {
    const part = this.state.owned.get(message.partition);
    if (!part) return;
    const run = part.runs.get(message.runId);
    if (!run) return this.find(part, { kind: "resume", message });
    if (isInFlight(run)) return;
    if (isMeant(run, message)) return this.resume(part, run, message);
    if (message.path !== "" && !isBehind(run, message.path)) return this.answer(part, message, "EARLY", run.state);
    this.find(part, { kind: "resume", message });
  }

  private resume(part: PartitionState, run: OwnedRun, message: Resume): void {
    if (!hasRoom(run, message.dataJson.length)) {
      this.answer(part, message, "TOO_LARGE", run.state);
      return this.release(part, run);
    }
    const decision = decideResume(run, message, this.state.port.wallMs());
    const ends = decision.then === "END";
    const parks = !ends && part.queueOf(run.spec.workflowId).parks(run);
    this.state.decide(part, run, parks ? parked(decision) : decision, ends ? "ENDING" : "RESUMING", () => {
      run.committedSteps += 1;
      if (ends) this.hooks.finish(part, run, true);
      else if (parks) this.state.settleParked(part, run);
      else this.enqueue(part, run);
      this.answer(part, message, "DONE", run.state);
    });
  }

  /** Looks a run up that is not in memory, or a pause that is over: the record knows by whom. */
  find(part: PartitionState, request: RunRequest): void {
    part.departures.beginRead(request);
    this.state.port.findRun(part.partition, part.stamp.epoch, request);
  }

  /** What was looked up; undefined when that failed, which the sender's next copy makes good. */
  onFound(partition: number, epoch: number, request: RunRequest, given: FoundRun | undefined): void {
    const part = this.partOf(partition, epoch);
    if (!part) return;
    const { runId } = request.message;
    const isFresh = part.departures.isFresh(request, runId);
    part.departures.endRead(request);
    if (!given) return;
    // Who names a run with another partition than its own (user code may have forged a workflow's id) finds none here.
    const found = (given.resting?.partition ?? partition) === partition ? given : NO_RUN;
    const run = part.runs.get(runId);
    if (run) return this.tellOfMemory(part, run, request, found);
    if (!isFresh) return;
    if (!found.resting) return this.tellOfRecord(part, request, found);
    const resting = loadRun(found.resting);
    // Not given to a runner under its present number, as far as the record knows; what else it may be, a page tells.
    if (resting.phase === "DOUBT") return;
    const isWanted = request.kind === "cancel" || isMeant(resting, request.message);
    if (!isWanted) return this.tellOfMemory(part, resting, request, found);
    if (resting.phase === "PENDING") {
      part.queueOf(resting.spec.workflowId).unpark();
      // It does not come to stand in the head, where there may be no room for it: it is about to end.
      resting.phase = "SUSPENDED";
    }
    this.state.insert(part, resting);
    if (request.kind === "cancel") this.hooks.cancel(request.message);
    else this.resume(part, resting, request.message);
  }

  /** The run is in memory, so that only the question by whom a former pause was ended is left. */
  private tellOfMemory(part: PartitionState, run: OwnedRun, request: RunRequest, found: FoundRun): void {
    if (request.kind === "cancel" || isInFlight(run)) return;
    const { message } = request;
    if (isMeant(run, message)) return this.resume(part, run, message);
    if (isOutdated(run, message, found)) return;
    const isOver = message.path === "" || isBehind(run, message.path);
    const outcome = found.resumedBy === message.requestId ? "DONE" : isOver ? "OVER" : "EARLY";
    this.answer(part, message, outcome, run.state);
  }

  private tellOfRecord(part: PartitionState, request: RunRequest, { state, resumedBy }: FoundRun): void {
    if (request.kind === "cancel") return this.hooks.cancelled(part, request.message, state);
    const { message } = request;
    if (state === undefined) this.answer(part, message, "UNKNOWN", state);
    else if (resumedBy === message.requestId) this.answer(part, message, "DONE", state);
    else if (isEndState(state)) this.answer(part, message, "ENDED", state);
  }

  private answer(part: PartitionState, message: Resume, outcome: ResumeOutcome, state: RunState | undefined): void {
    const { runId, requestId } = message;
    const answer = { owner: part.stamp, runId, requestId, outcome, state };
    this.state.port.toGateway(message.gateway, "resumed", answer);
  }

  private partOf(partition: number, epoch: number): PartitionState | undefined {
    const part = this.state.owned.get(partition);
    return part?.stamp.epoch === epoch ? part : undefined;
  }
}

/** True when the run is in the very pause that a request wants to end. */
function isMeant(run: OwnedRun, { path }: Resume): boolean {
  return run.phase === "SUSPENDED" && (path === "" || run.steps.at(-1)?.path === path);
}

/**
 * True when what was read shows a pause that is over by now: who has ended it is for the sender's next copy to find out. One
 * that the clock has ended is over in the record only with the next assignment, and nobody has ended it.
 */
function isOutdated(run: OwnedRun, { path }: Resume, { state, resting }: FoundRun): boolean {
  const wokenByClock = run.phase === "PENDING" && run.state === "SUSPENDED";
  return state === "SUSPENDED" && !wokenByClock && (path === "" || resting?.steps.at(-1)?.path === path);
}

/** The same decision, but the run waits in the record. */
function parked({ change, then }: Decision): Decision {
  return change.kind === "update" ? { change: { ...change, parked: true }, then } : { change, then };
}
