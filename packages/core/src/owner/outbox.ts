import type { Accepted, Cancelled, Resumed } from "../messages.ts";
import { failedChild } from "../run/children.ts";
import { OutboxTarget, type OutboxEntry } from "./outbox-target.ts";
import type { OutboxQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { OutboxMessage, OutboxPage, OutboxTargets } from "./record.ts";

/** Most targets in memory; the others are found in the record when there is room. */
const TARGETS_MAX = 1000;
/** With more than this in memory each target has one message at a time. */
const BYTES_MAX = 32 * 1024 ** 2;
/** Targets that one read is about. */
const TARGETS_A_READ = 32;
const RESEND_MS = 600;
const RESEND_MAX_MS = 5000;
/** A target that has been silent over so many sendings of a message is left alone for a while. */
const SENDS_MAX = 4;

/**
 * Messages of runs to other runs' owners. They are in the record since the commit that they follow from; here they are sent
 * until the receiver has committed what they ask for, and then taken out of the record. Memory holds a window of them for each
 * target, so that one that takes nothing delays no other and costs nothing.
 */
export class Outbox {
  private readonly state: OwnerState;
  private readonly targets = new Map<string, OutboxTarget>();
  private readonly entries = new Map<string, OutboxEntry>();
  /** Targets whose window has room for what the record has. */
  private readonly low = new Set<OutboxTarget>();
  private reading = false;
  /** Set after a read that failed: the next tick tries again. */
  private failed = false;
  private bytes = 0;

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Messages that were committed just now. */
  add(part: PartitionState, messages: readonly OutboxMessage[]): void {
    const nowMs = this.state.port.nowMs();
    for (const message of messages) {
      const target = this.targetOf(part, message.target);
      if (!target) part.outbox.missed = true;
      else if (this.bytes < BYTES_MAX && target.takes(message, nowMs)) this.enter(target, message);
      else this.leave(target);
    }
    this.pump();
  }

  /** Whom a new owner finds messages for, or what `readOutboxTargets` found; undefined when it failed. */
  onTargets(part: PartitionState, page: OutboxTargets | undefined): void {
    const { outbox } = part;
    outbox.reading = false;
    let isRoom = page !== undefined;
    for (const name of page?.names ?? []) {
      const target = this.targetOf(part, name);
      if (!target) {
        isRoom = false;
        break;
      }
      outbox.beyond = name;
      this.leave(target);
    }
    if (page && isRoom && !page.more) this.turn(part);
    this.pump();
  }

  /** All targets were found; those for which there was no room meanwhile are looked for once more. */
  private turn({ outbox }: PartitionState): void {
    outbox.beyond = "";
    outbox.known = !outbox.missed;
    outbox.missed = false;
  }

  /**
   * What `readOutbox` found, in the order of the queries; undefined when it failed, or for a partition whose epoch has moved.
   * True when a partition was lost.
   */
  onRead(queries: readonly OutboxQuery[], pages: readonly (OutboxPage | undefined)[] | undefined): boolean {
    this.reading = false;
    this.failed = pages === undefined;
    let lost = false;
    for (const [index, { partition, epoch, target: name }] of queries.entries()) {
      const target = this.targets.get(keyOf(partition, name));
      if (!target?.reading || target.part.stamp.epoch !== epoch || !this.state.isCurrent(target.part)) continue;
      const page = pages?.[index];
      if (pages && !page) {
        // Nothing else might ever tell: there is nothing to commit while the receivers refuse all.
        this.state.drop(partition);
        lost = true;
      } else this.endRead(target, page);
    }
    this.pump();
    return lost;
  }

  private endRead(target: OutboxTarget, page: OutboxPage | undefined): void {
    target.endRead(page?.more);
    if (target.isPaused(this.state.port.nowMs())) return;
    for (const message of page?.messages ?? []) {
      if (!this.entries.has(message.id)) this.enter(target, message);
    }
    this.look(target);
  }

  /** Sends again what is due, and reads on where there is room. */
  patrol(): void {
    const nowMs = this.state.port.nowMs();
    this.failed = false;
    for (const target of this.targets.values()) {
      if (!this.state.isCurrent(target.part)) this.forget(target);
      else this.look(target);
    }
    for (const entry of this.entries.values()) {
      if (nowMs < entry.dueMs) continue;
      if (entry.sends < SENDS_MAX) this.send(entry);
      else this.pause(entry.target);
    }
    for (const part of this.state.owned.values()) this.findTargets(part);
    this.pump();
  }

  private findTargets({ partition, stamp, outbox }: PartitionState): void {
    if (outbox.known && !outbox.missed) return;
    if (outbox.reading) return;
    if (this.targets.size >= TARGETS_MAX) this.evict();
    if (this.targets.size >= TARGETS_MAX) return;
    outbox.known = false;
    outbox.reading = true;
    this.state.port.readOutboxTargets(partition, stamp.epoch, outbox.beyond);
  }

  /** Makes room: targets that take nothing are found again in the record when their turn comes. */
  private evict(): void {
    const nowMs = this.state.port.nowMs();
    for (const target of this.targets.values()) {
      if (!target.isPaused(nowMs) || target.reading) continue;
      target.part.outbox.missed = true;
      this.forget(target);
    }
  }

  onAccepted({ runId, outcome }: Accepted): void {
    if (outcome === "ACCEPTED") return this.delivered(`start/${runId}`);
    const entry = this.entries.get(`start/${runId}`);
    if (entry) this.pause(entry.target);
  }

  onResumed({ requestId, outcome, runId }: Resumed): void {
    const entry = this.entries.get(requestId);
    if (!entry) return;
    entry.sends = 0;
    if (outcome === "EARLY") return;
    if (outcome !== "TOO_LARGE") return this.delivered(requestId);
    const payload = failedChild(entry.message.runId, "PayloadTooLarge", `its result has no room in run ${runId}`);
    // One that has no room even for that is asked again in its time, not at once for ever.
    if (entry.message.payload.length <= payload.length) return;
    this.replace(entry, { ...entry.message, payload });
  }

  onCancelled({ runId }: Cancelled): void {
    this.delivered(`cancel/${runId}`);
  }

  /** The workflow to be started is not there: who waits for it is told, and the start is given up. */
  onUndeliverable(id: string, reason: string, message: string): void {
    const entry = this.entries.get(id);
    if (entry?.message.body.kind !== "START") return;
    const { body, runId } = entry.message;
    if (!body.parent.waits) return this.delivered(id);
    const { parent, childId } = body;
    const told = { kind: "RESUME", runId, workflowId: parent.workflow_id, path: parent.step_path } as const;
    this.replace(entry, { ...entry.message, body: told, payload: failedChild(childId, reason, message) });
  }

  private replace(entry: OutboxEntry, message: OutboxMessage): void {
    const more = message.payload.length - entry.message.payload.length;
    entry.target.bytes += more;
    this.bytes += more;
    entry.message = message;
    this.send(entry);
  }

  private targetOf(part: PartitionState, name: string): OutboxTarget | undefined {
    const key = keyOf(part.partition, name);
    const known = this.targets.get(key);
    if (known?.part === part) return known;
    if (known) this.forget(known);
    if (this.targets.size >= TARGETS_MAX) return undefined;
    const target = new OutboxTarget(part, name, !part.outbox.known);
    this.targets.set(key, target);
    return target;
  }

  private enter(target: OutboxTarget, message: OutboxMessage): void {
    const entry: OutboxEntry = { target, message, dueMs: 0, everyMs: RESEND_MS, sends: 0 };
    this.entries.set(message.id, entry);
    this.bytes += message.payload.length;
    target.enter(entry);
    this.send(entry);
  }

  private leave(target: OutboxTarget): void {
    target.miss();
    this.look(target);
  }

  private look(target: OutboxTarget): void {
    if (target.isLow() && !target.isPaused(this.state.port.nowMs())) this.low.add(target);
    if (target.isDone()) this.forget(target);
  }

  private forget(target: OutboxTarget): void {
    const key = keyOf(target.part.partition, target.name);
    if (this.targets.get(key) === target) this.targets.delete(key);
    this.low.delete(target);
    this.release(target, [...target.entries.keys()]);
  }

  private pause(target: OutboxTarget): void {
    this.bytes -= target.bytes;
    for (const id of target.pause(this.state.port.nowMs())) this.entries.delete(id);
    this.low.delete(target);
  }

  private release(target: OutboxTarget, ids: readonly string[]): void {
    this.bytes -= target.bytes;
    target.bytes = 0;
    for (const id of ids) if (this.entries.get(id)?.target === target) this.entries.delete(id);
  }

  /** Reads for the targets with room, unless a read is under way. */
  private pump(): void {
    if (this.low.size === 0 || this.reading || this.failed) return;
    const queries: OutboxQuery[] = [];
    for (const target of this.low) {
      if (queries.length >= TARGETS_A_READ) break;
      this.low.delete(target);
      if (!target.isLow() || !this.state.isCurrent(target.part)) continue;
      const { part, name, after } = target;
      const bounds = target.beginRead(this.bytes >= BYTES_MAX);
      queries.push({ partition: part.partition, epoch: part.stamp.epoch, target: name, after, ...bounds });
    }
    if (queries.length === 0) return;
    this.reading = true;
    this.state.port.readOutbox(queries);
  }

  private send(entry: OutboxEntry): void {
    const { body } = entry.message;
    entry.dueMs = this.state.port.nowMs() + entry.everyMs;
    // A run that is not there yet cannot be cancelled: its start goes first.
    if (body.kind === "CANCEL" && this.entries.has(`start/${body.runId}`)) return;
    entry.everyMs = Math.min(entry.everyMs * 1.5, RESEND_MAX_MS);
    entry.sends += 1;
    if (this.state.isLeased()) this.state.port.deliver(entry.message);
  }

  private delivered(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    const { target, message } = entry;
    this.entries.delete(id);
    this.bytes -= message.payload.length;
    target.arrived(entry);
    if (!this.state.isCurrent(target.part)) return;
    const { partition, runId } = message;
    this.state.commit(target.part, { kind: "delivered", partition, runId, id }, () => undefined);
    this.look(target);
    this.pump();
  }
}

function keyOf(partition: number, name: string): string {
  return `${partition}/${name}`;
}
