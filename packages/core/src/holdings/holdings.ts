/**
 * The brain of a runner: which runs it holds and how long each may live. It takes assignments, repeats what an owner has
 * not acknowledged, ends what is not renewed, and tells in heartbeats what it holds and what has ended.
 *
 * An assignment's life counts from the stamp of the heartbeat that its `Assign` or `Renew` echoes, on this process's
 * monotonic clock. Under a concurrency limit its environment is killed at the end of that life, here and by the worker on
 * its own; otherwise it merely starts no further step until it is renewed (the worker sees to that).
 *
 * Nothing of this survives a restart of the runner, and nothing needs to: the new incarnation refuses what was meant for
 * the old one, and owners make further assignments for what it no longer lists.
 */
import type {
  Answer,
  Assign,
  Checkpoint,
  Committed,
  GoneCause,
  GoneRun,
  Handing,
  Owner,
  OwnersMoved,
  Renew,
} from "../messages.ts";
import type { StepResponse, StepResult } from "../run/step-result.ts";
import type { Timing } from "../timing.ts";
import type { HoldingsPort, RenewedLife } from "./holdings-port.ts";
import { SlotOffers } from "./slot-offers.ts";
import { Stretch } from "./stretch.ts";

/** How long ended handings are told in heartbeats. */
const GONE_MS = 10_000;
/** How long assignments and refusals are remembered: far longer than any copy of an `Assign` is accepted. */
const SEEN_MS = 60_000;
/** Least time between two heartbeats that something urgent asked for. */
const BEAT_GAP_MS = 20;

/** A run held here. */
interface Held {
  readonly handing: Handing;
  readonly gateway: string;
  readonly limited: boolean;
  readonly projectId: string;
  readonly sinceMs: number;
  /** The scheduler whose slot it uses. */
  scheduler: string;
  untilMs: number;
  path: string;
  /** When its step was told to run, which those that end at once never are; undefined between steps. */
  runningSinceMs: number | undefined;
  lastLogSequence: number;
  /** The checkpoint that no owner has acknowledged yet, and when it was last sent. */
  pending: Checkpoint | undefined;
  sentAtMs: number;
  /** An immediate answer of an assignment that was not renewed in time: another may have been made since. */
  answer: Answer | undefined;
  /** Set when its environment has died with a finished step still to report: the run goes on elsewhere after that. */
  lost: GoneCause | undefined;
}

/** A refused assignment, by the newest stamp that it came with. */
interface Refusal {
  readonly handing: Handing;
  readonly stampMs: number;
  readonly atMs: number;
  readonly neverStarted: boolean;
}

export interface HoldingsSettings {
  readonly runner: string;
  /** Unique for each start; later ones sort higher. */
  readonly incarnation: string;
  readonly pool: string;
  readonly labels: readonly string[];
  readonly timing: Timing;
}

export class Holdings {
  private readonly settings: HoldingsSettings;
  private readonly port: HoldingsPort;
  private readonly held = new Map<string, Held>();
  private readonly gone = new Map<string, GoneRun & { untilMs: number }>();
  /** Told to end, not yet reported gone by their worker: their environments may still live. */
  private readonly dying = new Map<string, GoneRun>();
  private readonly seen = new Map<string, number>();
  private readonly refusals = new Map<string, Refusal>();
  /** The newest owner of each partition. */
  private readonly owners = new Map<number, Owner>();
  private readonly offers = new SlotOffers();
  private readonly stretch = new Stretch();
  private draining = false;
  /** From then on runs are handed back behind their next checkpoint. */
  private handBackMs = Infinity;
  private handBackDueMs = Infinity;
  private lastBeatMs = -Infinity;
  private lastOfferMs = -Infinity;
  private pacedMs = 0;
  private urgentMs = Infinity;
  private answered = true;
  private repeated = false;

  constructor(settings: HoldingsSettings, port: HoldingsPort) {
    this.settings = settings;
    this.port = port;
  }

  /** Runs held now. */
  get size(): number {
    return this.held.size;
  }

  /** When `onTick` wants to be called next, on the monotonic clock. */
  nextDueMs(): number {
    let due = Math.min(this.pacedMs, this.urgentMs, this.offers.dueMs(), this.handBackDueMs);
    for (const held of this.held.values()) if (held.limited) due = Math.min(due, held.untilMs);
    return due;
  }

  /** True while the handing is the one held for its run. */
  holds(handing: Handing): boolean {
    return this.held.get(handing.runId)?.handing.assignment === handing.assignment;
  }

  /**
   * Take no further runs, and say so at once. Runs go on here for the grace; then each is handed back behind its next
   * checkpoint, or at once when it has not begun, and its owner makes the next assignment elsewhere.
   */
  drain(graceMs: number): void {
    if (this.draining) return;
    this.draining = true;
    this.handBackMs = this.handBackDueMs = this.port.nowMs() + graceMs;
    this.beatSoon();
  }

  /** Somebody may not know of this runner, or has missed it while its connection was down: it beats at once. */
  show(): void {
    this.beatSoon();
  }

  get isDraining(): boolean {
    return this.draining;
  }

  private get handsBack(): boolean {
    return this.port.nowMs() >= this.handBackMs;
  }

  /** Call at `nextDueMs`: ends what has expired, beats, repeats. */
  onTick(): void {
    const nowMs = this.port.nowMs();
    for (const held of [...this.held.values()]) {
      if (held.limited && nowMs >= held.untilMs) this.drop(held, "EXPIRED", true);
    }
    if (nowMs >= this.handBackDueMs) this.handBackUnbegun();
    if (nowMs >= Math.min(this.pacedMs, this.urgentMs)) this.beat(nowMs);
    this.settleOffers();
  }

  /** What waits here for its version or packages waits as well elsewhere. */
  private handBackUnbegun(): void {
    this.handBackDueMs = Infinity;
    for (const held of [...this.held.values()]) {
      if (held.path === "" && !held.pending) this.drop(held, "HANDED_BACK", true);
    }
  }

  /** Tells schedulers what they may use now, when that has changed. */
  private settleOffers(): void {
    const { runner, incarnation } = this.settings;
    for (const { scheduler, slots } of this.offers.settle(this.capacity(), this.port.nowMs())) {
      this.lastOfferMs = Math.max(this.port.nowMs(), this.lastOfferMs + 0.001);
      this.port.offer(scheduler, { runner, incarnation, stampMs: this.lastOfferMs, slots });
    }
  }

  /** Runs that may be here: not in place of environments that are yet to die. */
  private capacity(): number {
    const { ready, slotsTotal, shortRunsMax = slotsTotal } = this.port.describe();
    if (!ready || this.draining) return 0;
    const room = this.stretch.capacity(slotsTotal, shortRunsMax, this.held.values(), this.port.nowMs());
    return Math.max(0, room - this.dying.size);
  }

  // From owners

  onAssign(assign: Assign): void {
    const { owner, runId, assignment, stampMs, seal } = assign;
    const handing = { partition: owner.partition, runId, assignment, seal };
    const key = keyOf(handing);
    if (!this.admit(owner) || this.seen.has(key)) return;
    const held = this.held.get(runId);
    const nowMs = this.port.nowMs();
    this.offers.hear(owner.scheduler, undefined, nowMs);
    if (!this.mayTake(assign, held)) return this.refuse(assign, handing);
    if (held) this.drop(held, "KILLED", true);
    const { projectId } = assign.spec;
    this.offers.start(owner.scheduler, projectId, assign.waiting, nowMs);
    const limited = assign.spec.concurrencyLimit > 0;
    const untilMs = stampMs + this.lifeMs(limited);
    this.seen.set(key, nowMs);
    this.held.set(runId, {
      ...{ handing, limited, untilMs, sinceMs: nowMs, gateway: assign.gateway, projectId, scheduler: owner.scheduler },
      ...{ path: "", runningSinceMs: undefined, lastLogSequence: 0, pending: undefined, sentAtMs: 0 },
      ...{ answer: undefined, lost: undefined },
    });
    this.port.start(assign, untilMs - nowMs, limited);
    this.settleOffers();
  }

  /** Meant for this incarnation, young enough, not refused before, not older than what is held, in a slot that was offered. */
  private mayTake(assign: Assign, held: Held | undefined): boolean {
    const { runnerIncarnation, stampMs, assignment } = assign;
    const key = keyOf({ runId: assign.runId, assignment });
    const young = this.port.nowMs() < stampMs + this.lifeMs(assign.spec.concurrencyLimit > 0);
    if (runnerIncarnation !== this.settings.incarnation || !young || this.draining) return false;
    if (stampMs <= (this.refusals.get(key)?.stampMs ?? -1)) return false;
    if (held && held.handing.assignment > assignment) return false;
    if (this.held.size - (held ? 1 : 0) >= this.capacity()) return false;
    return held !== undefined || this.offers.hasRoom(assign.owner.scheduler);
  }

  private refuse({ owner, runId, assignment, stampMs, runnerIncarnation }: Assign, handing: Handing): void {
    const key = keyOf({ runId, assignment });
    const before = this.refusals.get(key)?.stampMs ?? -1;
    const neverStarted = runnerIncarnation === this.settings.incarnation;
    this.refusals.set(key, { handing, stampMs: Math.max(before, stampMs), atMs: this.port.nowMs(), neverStarted });
    this.offers.refuse(owner.scheduler);
    this.settleOffers();
    this.tellRefused(owner, handing, stampMs, neverStarted);
  }

  private tellRefused({ scheduler }: Owner, handing: Handing, stampMs: number, neverStarted: boolean): void {
    const slots = this.offers.offeredTo(scheduler);
    this.port.refuse({ handing, runner: this.settings.runner, stampMs, neverStarted, slots });
  }

  onRenew(renew: Renew): void {
    if (renew.runnerIncarnation !== this.settings.incarnation) return;
    if (renew.stampMs === this.lastBeatMs && !this.answered) {
      this.answered = true;
      this.pacedMs = this.lastBeatMs + this.settings.timing.heartbeatMs;
    }
    this.offers.hear(renew.scheduler, renew.demand, this.port.nowMs());
    const current = new Set(renew.owners.filter((owner) => this.admit(owner)).map(({ partition }) => partition));
    for (const handing of renew.kill) {
      const held = this.heldAs(handing);
      if (held && current.has(handing.partition)) this.drop(held, "KILLED", true);
    }
    const lives: RenewedLife[] = [];
    const nowMs = this.port.nowMs();
    for (const handing of renew.renew) {
      const held = this.heldAs(handing);
      if (!held || !current.has(handing.partition) || (held.limited && nowMs >= held.untilMs)) continue;
      held.untilMs = Math.max(held.untilMs, renew.stampMs + this.lifeMs(held.limited));
      lives.push({ handing, lifeMs: held.untilMs - nowMs });
      if (held.answer && nowMs < held.untilMs) this.port.answer(held.gateway, held.answer);
      if (nowMs < held.untilMs) held.answer = undefined;
    }
    if (lives.length > 0) this.port.renew(lives);
    this.settleOffers();
  }

  /** New owners hear at once what is held of theirs, so that nothing waits for the next heartbeat. */
  onOwnersMoved({ owners }: OwnersMoved): void {
    const moved = new Set(owners.filter((owner) => this.admit(owner)).map(({ partition }) => partition));
    for (const held of this.held.values()) {
      if (!moved.has(held.handing.partition)) continue;
      this.beatSoon();
      held.sentAtMs = -Infinity;
    }
    for (const owner of owners) if (moved.has(owner.partition)) this.refuseAgain(owner);
    this.settleOffers();
  }

  /** The owner before may have let go without having heard: from here on nothing of it is taken. */
  private refuseAgain(owner: Owner): void {
    for (const [key, { handing, stampMs, atMs, neverStarted }] of this.refusals) {
      const isRecent = this.port.nowMs() < atMs + this.settings.timing.waitMs;
      if (handing.partition !== owner.partition || this.seen.has(key) || !isRecent || !neverStarted) continue;
      this.tellRefused(owner, handing, stampMs, true);
    }
  }

  onCommitted(message: Committed): void {
    const held = this.heldAs(message.handing);
    if (message.runnerIncarnation !== this.settings.incarnation || !held || held.pending?.result.path !== message.path)
      return;
    held.pending = undefined;
    if (message.then === "NEXT") {
      if (held.lost) return this.drop(held, held.lost, false);
      if (this.handsBack) return this.drop(held, "HANDED_BACK", true);
      return this.port.proceed(held.handing, message.path);
    }
    this.release(held, true);
    if (!held.lost) this.port.end(held.handing);
    this.settleOffers();
  }

  // From workers

  /** A step's code begins. */
  onStepStarted(handing: Handing, path: string): void {
    const held = this.heldAs(handing);
    if (!held) return;
    held.path = path;
    held.runningSinceMs = this.port.nowMs();
  }

  /** An environment had to be started for a run. */
  onColdStart(): void {
    this.stretch.noteColdStart(this.port.nowMs());
  }

  /** A step has ended: reported until an owner acknowledges it. False when its assignment counts no more. */
  onStepFinished(handing: Handing, result: StepResult): boolean {
    const held = this.heldAs(handing);
    if (!held) return false;
    const { runner, incarnation } = this.settings;
    held.path = result.path;
    held.runningSinceMs = undefined;
    this.stretch.note(result.endTimeMs - result.startTimeMs, this.port.nowMs());
    held.lastLogSequence = Math.max(held.lastLogSequence, result.lastLogSequence);
    held.pending = { handing: held.handing, runner, runnerIncarnation: incarnation, result };
    this.report(held);
    return true;
  }

  /**
   * `pd.respond` with `immediate`: straight to the waiting gateway. After the end of a life (this process was stopped, say) it
   * waits for the next one: the gateway may not have heard that the run was given to another runner.
   */
  onRespond(handing: Handing, path: string, response: StepResponse): void {
    const held = this.heldAs(handing);
    if (!held || held.gateway === "") return;
    const nowMs = this.port.nowMs();
    const busyMs = handing.assignment > 1 ? 0 : Math.max(1, Math.round(nowMs - held.sinceMs));
    const answer = { handing: held.handing, path, response, busyMs };
    if (nowMs < held.untilMs) this.port.answer(held.gateway, answer);
    else held.answer = answer;
  }

  onLogSequence(handing: Handing, sequence: number): void {
    const held = this.heldAs(handing);
    if (held) held.lastLogSequence = Math.max(held.lastLogSequence, sequence);
  }

  /** A worker no longer executes a run, or the run could never be started here. */
  onRunGone(handing: Handing, cause: GoneCause): void {
    const held = this.heldAs(handing);
    const dying = this.dying.get(keyOf(handing));
    if (dying) return this.tellGone(dying);
    if (!held) return;
    if (held.pending) held.lost = cause;
    else this.drop(held, cause, false);
  }

  // Inside

  private report(held: Held): void {
    const { pending } = held;
    if (!pending) return;
    held.sentAtMs = this.port.nowMs();
    this.port.checkpoint(pending);
  }

  /** What is killed is told as gone only when its worker says so: a place in a limit is free only then. */
  private drop(held: Held, cause: GoneCause, kill: boolean): void {
    const { handing } = held;
    this.release(held, !kill || held.lost !== undefined);
    if (!kill || held.lost) return this.tellGone({ handing, cause });
    this.dying.set(keyOf(handing), { handing, cause });
    this.port.kill(handing);
  }

  private release({ handing, scheduler, projectId }: Held, isFree: boolean): void {
    this.held.delete(handing.runId);
    this.offers.leave(scheduler, projectId, isFree, this.port.nowMs());
  }

  private tellGone({ handing, cause }: GoneRun): void {
    this.dying.delete(keyOf(handing));
    this.gone.set(keyOf(handing), { handing, cause, untilMs: this.port.nowMs() + GONE_MS });
    this.beatSoon();
  }

  private beatSoon(): void {
    this.urgentMs = Math.min(this.urgentMs, Math.max(this.port.nowMs(), this.lastBeatMs + BEAT_GAP_MS));
  }

  private beat(nowMs: number): void {
    this.forget(nowMs);
    this.offers.forget(nowMs);
    this.settleOffers();
    const { heartbeatMs, heartbeatResendMs } = this.settings.timing;
    const stampMs = nowMs > this.lastBeatMs ? nowMs : this.lastBeatMs + 0.001;
    // One quick repeat for want of an answer, then the ordinary pace: a house without schedulers must not be hammered.
    this.repeated = !this.answered && !this.repeated;
    this.answered = false;
    this.lastBeatMs = stampMs;
    this.lastOfferMs = Math.max(stampMs, this.lastOfferMs);
    this.urgentMs = Infinity;
    this.pacedMs = nowMs + (this.repeated ? heartbeatMs : heartbeatResendMs);
    this.port.heartbeat(this.compose(stampMs));
    for (const held of this.held.values()) {
      if (held.pending && nowMs - held.sentAtMs >= heartbeatResendMs) this.report(held);
    }
  }

  private compose(stampMs: number) {
    const { runner, incarnation, pool, labels } = this.settings;
    const { slotsTotal, pythonMinors, warmVersions, ready, crowded = false, ...usage } = this.port.describe();
    const { memoryBytes = 0, coldStarts = 0 } = usage;
    const held = [...this.held.values()].map(({ handing, path, lastLogSequence }) => ({
      handing,
      path,
      lastLogSequence,
    }));
    const gone = [...this.gone.values()].map(({ handing, cause }) => ({ handing, cause }));
    const slotsFree = Math.max(0, slotsTotal - held.length);
    const draining = this.draining || !ready;
    const about = { runner, incarnation, stampMs, pool, slotsTotal, slotsFree, pythonMinors, warmVersions, draining };
    const shown = { starting: !ready && !this.draining, memoryBytes, coldStarts };
    return { ...about, ...shown, crowded, held, gone, labels, offers: this.offers.list(), offersSlots: true };
  }

  private forget(nowMs: number): void {
    for (const [key, { untilMs }] of this.gone) if (untilMs <= nowMs) this.gone.delete(key);
    for (const [key, atMs] of this.seen) if (atMs + SEEN_MS <= nowMs) this.seen.delete(key);
    for (const [key, { atMs }] of this.refusals) if (atMs + SEEN_MS <= nowMs) this.refusals.delete(key);
  }

  /** False for an owner that has been replaced. */
  private admit(owner: Owner): boolean {
    const known = this.owners.get(owner.partition);
    if (owner.epoch < (known?.epoch ?? 0)) return false;
    if (known?.epoch === owner.epoch) return true;
    this.owners.set(owner.partition, owner);
    for (const held of this.held.values()) if (held.handing.partition === owner.partition) this.hold(held, owner);
    return true;
  }

  /** The run uses a slot of its partition's new owner from now on. */
  private hold(held: Held, { scheduler }: Owner): void {
    if (held.scheduler === scheduler) return;
    this.offers.move(held.scheduler, scheduler, held.projectId, this.port.nowMs());
    held.scheduler = scheduler;
  }

  private heldAs(handing: Handing): Held | undefined {
    const held = this.held.get(handing.runId);
    return held?.handing.assignment === handing.assignment ? held : undefined;
  }

  private lifeMs(limited: boolean): number {
    return limited ? this.settings.timing.limitedLifeMs : this.settings.timing.lifeMs;
  }
}

function keyOf({ runId, assignment }: Pick<Handing, "runId" | "assignment">): string {
  return `${runId}/${assignment}`;
}
