/**
 * Which callers may wait for an answer: a bound on how many do so at the same time, for each workflow by itself, found by measuring how long
 * the house makes them wait. A burst is taken whole: only when everybody has waited too long for a while is there a bound, so high that those
 * within it wait as long as they may. See docs/adr/0037.
 */
import { PlatformError } from "../errors.ts";

export interface AdmissionSettings {
  /** A caller may be made to wait for so long beyond what its run takes, whatever that is. */
  readonly waitMs: number;
}

/** ... or for so many times of what its run takes. */
const WAIT_FACTOR = 3;
/** Waits are judged after so long, when there are enough of them. */
const JUDGE_MS = 200;
const JUDGED_MIN = 4;
/** Most and least of a bound that one judgement leaves. */
const SHRINK_MOST = 0.7;
const GROWTH = 1 / 8;
/** Where fewer callers have not waited shorter, there are not fewer than before for so long. */
const FLOOR_MS = 60_000;
const FLOOR_ROOM = 1.25;
const TELLING_SHARE = 0.85;
/** Without a refusal for so long there is no bound any more. */
const CALM_MS = 1_000;
/**
 * With callers waiting and no answer for so long, and for so many times as usual, something stood still, such as a database that fails over.
 * Nothing is judged until as much time again has passed, in which what has gathered is done; at most so much, and not every time that it happens
 * to a house that has no time for anything.
 */
const STALL_MS = 500;
const STALL_FACTOR = 10;
const USUAL_WEIGHT = 1 / 16;
const GRACE_MS_MAX = 5_000;
const GRACE_EVERY_MS = 10_000;
/** Workflows in memory beyond which those are forgotten that nobody waits for. */
const GATES_SWEPT = 256;

/** Somebody who waits. */
export interface Admitted {
  readonly gate: Gate;
  /** When its wait began: set anew once its request is read. */
  sinceMs: number;
  /** How long its run was worked at; 0 when it got no answer, or that is not known. */
  busyMs: number;
}

/** What is known of the callers of one workflow. */
interface Gate {
  readonly workflowId: string;
  waiting: number;
  /** Infinity: there is none. */
  bound: number;
  refusedAtMs: number;
  refused: boolean;
  /** How many waited before the bound shrank, what their answers took, and what it was to make of that. */
  before: { readonly waiting: number; readonly tookMs: number; readonly wantedMs: number } | undefined;
  /** Least bound, and until when. */
  floor: number;
  floorUntilMs: number;
  /** Who began to wait before is not judged. */
  judgedFromMs: number;
  beganMs: number;
  /** Answers since then, those that are judged, what they took together and what they may. */
  answers: number;
  count: number;
  totalMs: number;
  allowedMs: number;
  /** How much too long the luckiest has waited; negative when it has not. */
  leastOverMs: number;
}

/** Bounds the callers that wait for answers, workflow by workflow. */
export class Admission {
  private readonly settings: AdmissionSettings;
  private readonly gates = new Map<string, Gate>();
  private sweptAtMs = -Infinity;
  private refusals = 0;
  private waiting = 0;
  /** The last answer of any workflow, or when the first caller began to wait. */
  private answeredAtMs = 0;
  /** Between two answers, while somebody waits. */
  private usualMs = 0;
  private graceUntilMs = -Infinity;

  constructor(settings: AdmissionSettings) {
    this.settings = settings;
  }

  /** Workflows some of whose callers are being refused. */
  get boundedCount(): number {
    let count = 0;
    for (const { bound } of this.gates.values()) if (bound !== Infinity) count += 1;
    return count;
  }

  /** Callers refused so far. */
  get refusedCount(): number {
    return this.refusals;
  }

  /**
   * Takes a caller in. Whoever has come in leaves, once.
   *
   * @throws PlatformError OVERLOADED when as many wait as can be answered in time
   */
  enter(workflowId: string, nowMs: number): Admitted {
    const gate = this.gates.get(workflowId) ?? this.open(workflowId, nowMs);
    if (gate.bound !== Infinity && nowMs - gate.refusedAtMs >= CALM_MS) gate.bound = Infinity;
    if (gate.waiting >= gate.bound) {
      gate.refusedAtMs = nowMs;
      gate.refused = true;
      this.refusals += 1;
      const message = "more requests wait for an answer than the house can answer in time; try again later";
      throw new PlatformError("ResourceExhausted", "OVERLOADED", message);
    }
    if (this.waiting === 0) this.answeredAtMs = nowMs;
    this.waiting += 1;
    gate.waiting += 1;
    return { gate, sinceMs: nowMs, busyMs: 0 };
  }

  /** A caller waits no more. */
  leave({ gate, sinceMs, busyMs }: Admitted, nowMs: number): void {
    this.waiting -= 1;
    gate.waiting -= 1;
    if (busyMs > 0) {
      this.noteAnswer(nowMs);
      if (nowMs < this.graceUntilMs) begin(gate, nowMs);
      else if (sinceMs >= gate.judgedFromMs) this.count(gate, nowMs - sinceMs, busyMs);
      // Their rate counts from the first one on: before it, environments may have been starting.
      if (gate.answers === 0) gate.beganMs = nowMs;
      gate.answers += 1;
      if (nowMs >= gate.beganMs + JUDGE_MS && gate.count >= JUDGED_MIN) judge(gate, nowMs);
    }
    if (gate.waiting === 0 && gate.bound === Infinity) this.gates.delete(gate.workflowId);
  }

  private noteAnswer(nowMs: number): void {
    const gapMs = nowMs - this.answeredAtMs;
    const stoodStill = gapMs > Math.max(STALL_MS, STALL_FACTOR * this.usualMs);
    if (stoodStill && nowMs - this.graceUntilMs > GRACE_EVERY_MS)
      this.graceUntilMs = nowMs + Math.min(gapMs, GRACE_MS_MAX);
    this.usualMs += (gapMs - this.usualMs) * USUAL_WEIGHT;
    this.answeredAtMs = nowMs;
  }

  private count(gate: Gate, tookMs: number, busyMs: number): void {
    const allowedMs = busyMs + Math.max(this.settings.waitMs, WAIT_FACTOR * busyMs);
    gate.count += 1;
    gate.totalMs += tookMs;
    gate.allowedMs += allowedMs;
    gate.leastOverMs = Math.min(gate.leastOverMs, tookMs - allowedMs);
  }

  private open(workflowId: string, nowMs: number): Gate {
    if (this.gates.size >= GATES_SWEPT && nowMs - this.sweptAtMs >= CALM_MS) this.sweep(nowMs);
    const gate: Gate = {
      ...{ workflowId, waiting: 0, bound: Infinity, refusedAtMs: 0, refused: false },
      ...{ before: undefined, floor: 1, floorUntilMs: nowMs },
      ...{ judgedFromMs: nowMs, beganMs: nowMs, answers: 0 },
      ...{ count: 0, totalMs: 0, allowedMs: 0, leastOverMs: Infinity },
    };
    this.gates.set(workflowId, gate);
    return gate;
  }

  private sweep(nowMs: number): void {
    this.sweptAtMs = nowMs;
    for (const [workflowId, { waiting, refusedAtMs }] of this.gates) {
      if (waiting === 0 && nowMs - refusedAtMs >= CALM_MS) this.gates.delete(workflowId);
    }
  }
}

/** The bound that the waits since the last judgement ask for. */
function judge(gate: Gate, nowMs: number): void {
  const [tookMs, share] = [gate.totalMs / gate.count, gate.allowedMs / gate.totalMs];
  if (gate.before !== undefined && tookMs > (gate.before.tookMs + gate.before.wantedMs) / 2) keepUp(gate, nowMs);
  else if (gate.bound === Infinity) {
    // As many wait as are answered in the time for which one of them does.
    const waiting = ((gate.answers - 1) / (nowMs - gate.beganMs)) * tookMs;
    if (gate.leastOverMs > 0) shrink(gate, { waiting, share, tookMs }, nowMs);
  } else if (share < 1) shrink(gate, { waiting: gate.bound, share: Math.max(share, SHRINK_MOST), tookMs }, nowMs);
  else {
    gate.before = undefined;
    if (gate.refused) grow(gate, nowMs);
  }
  begin(gate, nowMs);
}

function grow(gate: Gate, nowMs: number): void {
  gate.bound += Math.max(1, Math.floor(gate.bound * GROWTH));
  gate.judgedFromMs = nowMs;
}

/** What takes so long is no queue of these callers, such as a slow disk: fewer of them would only be fewer. */
function keepUp(gate: Gate, nowMs: number): void {
  gate.bound = gate.floor = Math.max(gate.floor, Math.ceil(gate.before!.waiting * FLOOR_ROOM));
  gate.floorUntilMs = nowMs + FLOOR_MS;
  gate.before = undefined;
}

function shrink(gate: Gate, was: { waiting: number; share: number; tookMs: number }, nowMs: number): void {
  const { waiting, share, tookMs } = was;
  if (nowMs >= gate.floorUntilMs) gate.floor = 1;
  if (gate.bound === Infinity) gate.refusedAtMs = nowMs;
  gate.bound = Math.max(gate.floor, Math.floor(waiting * share));
  // What is to change little changes as much by chance.
  gate.before =
    gate.bound > gate.floor && share < TELLING_SHARE ? { waiting, tookMs, wantedMs: tookMs * share } : undefined;
  // Who came in under the bound before says nothing of this one.
  gate.judgedFromMs = nowMs;
}

function begin(gate: Gate, nowMs: number): void {
  gate.beganMs = nowMs;
  gate.answers = gate.count = gate.totalMs = gate.allowedMs = 0;
  gate.leastOverMs = Infinity;
  gate.refused = false;
}
