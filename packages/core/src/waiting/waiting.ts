/**
 * The brain of a gateway: submits and cancels that wait for their acknowledgement, and callers that wait for an answer or
 * an end. It repeats what is not acknowledged, and reads from the record what a lost message would have told.
 *
 * Nothing of it survives a restart, and nothing needs to: an accepted run goes on without its gateway.
 */
import { PlatformError } from "../errors.ts";
import type {
  Accepted,
  Answer,
  Cancel,
  Cancelled,
  Ended,
  Owner,
  OwnersMoved,
  Reassigned,
  Release,
  Resume,
  Resumed,
  Submit,
  SubmitOutcome,
} from "../messages.ts";
import { isEndState, type RunState } from "../run/run-state.ts";
import type { StepResponse } from "../run/step-result.ts";
import { Requests, type Done } from "./requests.ts";

/** What the record says of a run that somebody waits for. */
export interface RecordedRun {
  readonly state: RunState;
  /** The first committed answer; undefined while there is none. */
  readonly response: StepResponse | undefined;
}

/** Everything that a gateway's brain does to the world; each call returns at once. */
export interface WaitingPort {
  /** Monotonic clock in ms. */
  nowMs(): number;
  /** To whoever owns the partition; may be lost, is repeated. */
  submit(message: Submit): void;
  /** To whoever owns the partition; may be lost, is repeated. */
  cancel(message: Cancel): void;
  /** To whoever owns the partition; may be lost, is repeated. */
  resume(message: Resume): void;
  /** Look runs up in the record → `onRead` for each that is there. */
  read(runIds: readonly string[]): void;
}

/** An answer whose body goes out while the step makes it. */
export interface StreamedAnswer {
  /** Nobody will send the rest: break it off, so that the client sees that it is not whole. */
  cut(): void;
}

/** Told to whoever submitted a run. Each is called at most once. */
export interface RunListener {
  /** The run is in the record; another one when the idempotency key was known. */
  accepted?(runId: string): void;
  /** It is not, and nothing was written. `TIMEOUT`: nobody acknowledged it in time. */
  turnedAway?(why: Exclude<SubmitOutcome, "ACCEPTED"> | "TIMEOUT"): void;
  /** An answer that history knows, or an immediate one; and for how long the run was worked at, 0 when that is not known. */
  answer?(response: StepResponse, busyMs: number): void;
  /** An answer begins whose body comes piece by piece, without waiting for any checkpoint. */
  stream?(answer: StreamedAnswer): void;
  /** The run has ended; or, when its answer is waited for, has paused (SUSPENDED) before it gave one. */
  ended?(state: RunState, busyMs: number): void;
}

export interface WaitingSettings {
  /** A submit or cancel that is not acknowledged is sent again after this. Default 600. */
  readonly resendMs: number;
  /** What a lost message would have told is read from the record after this, and then at growing intervals. Default 1000. */
  readonly readMs: number;
  /** Longest such interval. Default 5000. */
  readonly readMsMax: number;
  /** Most entries; further ones are refused. Default 20,000. */
  readonly entriesMax: number;
}

export const WAITING_DEFAULT: WaitingSettings = {
  resendMs: 600,
  readMs: 1000,
  readMsMax: 5000,
  entriesMax: 20_000,
};

interface Entry {
  readonly listener: RunListener;
  readonly wants: { answer: boolean; end: boolean };
  /** Since when it has waited; -Infinity for a run that was there before. */
  sinceMs: number;
  /** The submit until it is acknowledged. */
  submit: Submit | undefined;
  deadlineMs: number;
  resendAtMs: number;
  readAtMs: number;
  readEveryMs: number;
  /** The assignment whose immediate answers count. */
  assignment: number;
  /** The answer that is being sent piece by piece. */
  stream: StreamedAnswer | undefined;
  /** The next one that waits for the same run: several callers may have submitted it under one key. */
  next: Entry | undefined;
}

export class Waiting {
  private readonly settings: WaitingSettings;
  private readonly port: WaitingPort;
  private readonly entries = new Map<string, Entry>();
  private readonly cancels: Requests<Cancel, RunState | undefined>;
  private readonly resumes: Requests<Resume, Resumed>;
  private readonly epochs = new Map<number, number>();
  private count = 0;

  constructor(port: WaitingPort, settings: WaitingSettings = WAITING_DEFAULT) {
    this.port = port;
    this.settings = settings;
    this.cancels = new Requests(settings.resendMs, (message) => port.cancel(message));
    this.resumes = new Requests(settings.resendMs, (message) => port.resume(message));
  }

  /** Entries now; zero means that `onTick` has nothing to do. */
  get size(): number {
    return this.count + this.cancels.size + this.resumes.size;
  }

  /**
   * Submits a run until it is acknowledged or `ackMs` have passed, then waits for what the submit wants.
   *
   * @throws PlatformError GATEWAY_BUSY when too many are waiting
   */
  submit(message: Submit, ackMs: number, listener: RunListener): void {
    const entry = this.createEntry(listener, { answer: message.wantsAnswer, end: message.wantsEnd });
    entry.submit = message;
    entry.deadlineMs = this.port.nowMs() + ackMs;
    entry.readAtMs = this.port.nowMs() + this.settings.readMs;
    this.add(message.runId, entry);
    try {
      this.send(entry);
    } catch (thrown) {
      // It would be sent again in vain, by a timer that nobody listens to.
      this.remove(message.runId, entry);
      throw thrown;
    }
  }

  /** A listener waits for this run no more: its caller has gone or has waited long enough. Others who wait for it go on. */
  forget(runId: string, listener: RunListener): void {
    this.each(runId, (entry) => entry.listener === listener && this.remove(runId, entry));
  }

  /** An answer that was sent piece by piece is over, or its client is gone. */
  forgetStream(runId: string, stream: StreamedAnswer): void {
    this.each(runId, (entry) => entry.stream === stream && this.remove(runId, entry));
  }

  /** Cancels a run; `done` gets its end state, undefined when there is no such run, or TIMEOUT after `ackMs`. */
  cancel(message: Cancel, ackMs: number, done: Done<RunState | undefined>): void {
    this.assertRoom();
    this.cancels.add(message.runId, message, this.port.nowMs(), ackMs, done);
  }

  /** Ends a run's pause; `done` gets what became of that, or TIMEOUT after `ackMs`. */
  resume(message: Resume, ackMs: number, done: Done<Resumed>): void {
    this.assertRoom();
    this.resumes.add(message.requestId, message, this.port.nowMs(), ackMs, done);
  }

  /** Call every 100 ms or so while `size` is not zero. */
  onTick(): void {
    const nowMs = this.port.nowMs();
    const reads: string[] = [];
    for (const runId of [...this.entries.keys()]) {
      this.each(runId, (entry) => {
        if (this.tickEntry(runId, entry, nowMs) && reads.at(-1) !== runId) reads.push(runId);
      });
    }
    if (reads.length > 0) this.port.read(reads);
    this.cancels.onTick(nowMs);
    this.resumes.onTick(nowMs);
  }

  /** True when it is time to read the run. */
  private tickEntry(runId: string, entry: Entry, nowMs: number): boolean {
    if (entry.submit) this.tickSubmit(runId, entry, nowMs);
    else if (nowMs >= entry.readAtMs) {
      entry.readAtMs = nowMs + entry.readEveryMs;
      entry.readEveryMs = Math.min(entry.readEveryMs * 2, this.settings.readMsMax);
      return true;
    }
    return false;
  }

  private tickSubmit(runId: string, entry: Entry, nowMs: number): void {
    if (nowMs >= entry.deadlineMs) {
      this.remove(runId, entry);
      entry.listener.turnedAway?.("TIMEOUT");
    } else if (nowMs >= entry.resendAtMs) {
      this.send(entry);
    }
  }

  /** Nothing can be acknowledged any more: whoever waits for that is told TIMEOUT now. Accepted runs go on being waited for. */
  expire(): void {
    for (const runId of [...this.entries.keys()]) {
      this.each(runId, (entry) => entry.submit && this.tickSubmit(runId, entry, Infinity));
    }
    this.cancels.onTick(Infinity);
    this.resumes.onTick(Infinity);
  }

  // From owners

  onAccepted({ owner, runId, actualRunId, outcome }: Accepted): void {
    if (!this.admit(owner)) return;
    this.each(runId, (entry) => {
      if (!entry.submit) return;
      entry.submit = undefined;
      if (outcome !== "ACCEPTED") {
        this.remove(runId, entry);
        entry.listener.turnedAway?.(outcome);
        return;
      }
      // Before it moves: whoever waits for the run that the key belongs to goes on waiting.
      if (!entry.wants.answer && !entry.wants.end) this.remove(runId, entry);
      else if (actualRunId !== runId) this.moveEntry(runId, actualRunId, entry);
      entry.listener.accepted?.(actualRunId);
    });
  }

  /** The key was another run's: its messages go to the gateway that submitted it; where that is another, the record is read instead. */
  private moveEntry(runId: string, actualRunId: string, entry: Entry): void {
    this.remove(runId, entry);
    entry.sinceMs = -Infinity;
    entry.readAtMs = this.port.nowMs() + (this.entries.has(actualRunId) ? this.settings.readMs : 0);
    this.add(actualRunId, entry);
  }

  /** The checkpoint of the run's first answer is committed. */
  onRelease({ owner, runId, response, busyMs }: Release): void {
    if (!this.admit(owner)) return;
    this.each(runId, (entry) => {
      if (!entry.wants.answer) return;
      if (response) this.deliverAnswer(runId, entry, response, busyMs);
      else this.readNow(runId, entry);
    });
  }

  onReassigned({ owner, runId, assignment }: Reassigned): void {
    if (this.admit(owner)) this.supersede(runId, assignment);
  }

  onEnded({ owner, runId, state, responsePath, busyMs }: Ended): void {
    if (!this.admit(owner)) return;
    this.each(runId, (entry) => {
      // Its release is lost, or just behind.
      if (entry.wants.answer && responsePath !== "") this.readNow(runId, entry);
      else this.deliverEnd(runId, entry, state, busyMs);
    });
  }

  onCancelled({ owner, runId, state }: Cancelled): void {
    if (this.admit(owner)) this.cancels.settle(runId, state);
  }

  onResumed(message: Resumed): void {
    if (this.admit(message.owner)) this.resumes.settle(message.requestId, message);
  }

  // From runners

  /** For how long an answer of the run has been waited for; undefined when nobody waits for one. */
  answerAge(runId: string): number | undefined {
    let sinceMs = Infinity;
    this.each(runId, (entry) => entry.wants.answer && (sinceMs = Math.min(sinceMs, entry.sinceMs)));
    return sinceMs === Infinity ? undefined : this.port.nowMs() - sinceMs;
  }

  /** An answer that waits for no checkpoint: it counts from the current assignment only. */
  onAnswer({ handing, response, busyMs }: Answer): void {
    const { runId, assignment } = handing;
    this.each(runId, (entry) => {
      if (entry.wants.answer && assignment >= entry.assignment) this.deliverAnswer(runId, entry, response, busyMs);
    });
  }

  /**
   * An answer begins whose body its step sends piece by piece. True when somebody waits for it and the assignment is the
   * current one. From then on the entry stays until it is forgotten, to hear when nobody will send the rest. A body goes to
   * one client; another one gets what the record keeps of the answer.
   *
   * @param from an assignment that the record has just had as the current one: what earlier ones were sending is over, whether
   *   or not their owner's word of it has come
   */
  onStream(from: { runId: string; assignment: number }, stream: StreamedAnswer): boolean {
    const { runId, assignment } = from;
    this.supersede(runId, assignment);
    let entry = this.entries.get(runId);
    while (entry && (!entry.wants.answer || assignment < entry.assignment)) entry = entry.next;
    if (!entry) return false;
    entry.wants.answer = false;
    entry.stream = stream;
    this.confirm(runId, entry);
    entry.listener.stream?.(stream);
    return true;
  }

  // From the record

  onRead(runId: string, recorded: RecordedRun): void {
    this.each(runId, (entry) => {
      if (entry.submit) return;
      const wantedAnswer = entry.wants.answer;
      if (wantedAnswer && recorded.response) this.deliverAnswer(runId, entry, recorded.response, 0);
      const over = isEndState(recorded.state) || (entry.wants.answer && recorded.state === "SUSPENDED");
      const isDone = wantedAnswer && recorded.response && !entry.wants.end;
      if (over && !isDone) this.deliverEnd(runId, entry, recorded.state, 0);
    });
  }

  // Inside

  private createEntry(listener: RunListener, wants: Entry["wants"]): Entry {
    this.assertRoom();
    return {
      listener,
      wants,
      sinceMs: this.port.nowMs(),
      submit: undefined,
      deadlineMs: Infinity,
      resendAtMs: 0,
      readAtMs: Infinity,
      readEveryMs: this.settings.readMs,
      assignment: 1,
      stream: undefined,
      next: undefined,
    };
  }

  private add(runId: string, entry: Entry): void {
    this.count += 1;
    let last = this.entries.get(runId);
    if (!last) return void this.entries.set(runId, entry);
    while (last.next) last = last.next;
    last.next = entry;
  }

  private remove(runId: string, entry: Entry): void {
    const first = this.entries.get(runId);
    let before = first;
    while (before && before !== entry && before.next !== entry) before = before.next;
    if (!before) return;
    this.count -= 1;
    if (first !== entry) before.next = entry.next;
    else if (entry.next) this.entries.set(runId, entry.next);
    else this.entries.delete(runId);
    entry.next = undefined;
  }

  /** Everybody who waits for a run, also when the look at one takes it away. */
  private each(runId: string, look: (entry: Entry) => unknown): void {
    for (let entry = this.entries.get(runId), next: Entry | undefined; entry; entry = next) {
      next = entry.next;
      look(entry);
    }
  }

  private assertRoom(): void {
    if (this.size < this.settings.entriesMax) return;
    const message = `${this.size} requests are waiting at this gateway, its limit; try again`;
    throw new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
  }

  /** Partitions have a new owner, which knows nothing of what was sent to the one before: it is sent again at once. */
  onOwnersMoved({ owners }: OwnersMoved): void {
    const moved = new Set(owners.filter((owner) => this.admit(owner)).map(({ partition }) => partition));
    const isMeant = ({ partition }: { readonly partition: number }) => moved.has(partition);
    for (const runId of [...this.entries.keys()]) {
      this.each(runId, (entry) => entry.submit && isMeant(entry.submit) && this.send(entry));
    }
    this.cancels.resend(this.port.nowMs(), isMeant);
    this.resumes.resend(this.port.nowMs(), isMeant);
  }

  private send(entry: Entry): void {
    entry.resendAtMs = this.port.nowMs() + this.settings.resendMs;
    if (entry.submit) this.port.submit(entry.submit);
  }

  /** The record has what is waited for; the submit, if it is still being repeated, has been accepted. */
  private readNow(runId: string, entry: Entry): void {
    this.confirm(runId, entry);
    entry.readAtMs = Math.min(entry.readAtMs, this.port.nowMs() + entry.readEveryMs);
    this.port.read([runId]);
  }

  private deliverAnswer(runId: string, entry: Entry, response: StepResponse, busyMs: number): void {
    entry.wants.answer = false;
    this.confirm(runId, entry);
    entry.listener.answer?.(response, busyMs);
    if (!entry.wants.end) this.remove(runId, entry);
  }

  /** The run is in this assignment: nothing of earlier ones counts any more. */
  private supersede(runId: string, assignment: number): void {
    this.each(runId, (entry) => {
      if (assignment <= entry.assignment) return;
      entry.assignment = assignment;
      if (!entry.stream) return;
      this.remove(runId, entry);
      entry.stream.cut();
    });
  }

  private deliverEnd(runId: string, entry: Entry, state: RunState, busyMs: number): void {
    this.remove(runId, entry);
    entry.stream?.cut();
    this.confirm(runId, entry);
    entry.listener.ended?.(state, busyMs);
  }

  /** What only a committed run sends also proves that it was accepted: the acknowledgement itself may be lost. */
  private confirm(runId: string, entry: Entry): void {
    if (!entry.submit) return;
    entry.submit = undefined;
    entry.listener.accepted?.(runId);
  }

  private admit({ partition, epoch }: Owner): boolean {
    if (epoch < (this.epochs.get(partition) ?? 0)) return false;
    this.epochs.set(partition, epoch);
    return true;
  }
}
