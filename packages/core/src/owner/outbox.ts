import type { Accepted, Cancelled, Resumed } from "../messages.ts";
import { failedChild } from "../run/children.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { OutboxMessage, OutboxPage } from "./record.ts";

/** Most messages in memory; the others stay in the record until there is room. */
const MESSAGES_MAX = 2000;
const RESEND_MS = 600;
const RESEND_MAX_MS = 5000;

interface Entry {
  readonly part: PartitionState;
  /** What is sent; of a start that can never arrive, the news of that to its own sender. */
  message: OutboxMessage;
  dueMs: number;
  everyMs: number;
}

/**
 * Messages of runs to other runs' owners. They are in the record since the commit that they follow from; here they are sent
 * until the receiver has committed what they ask for, and then taken out of the record.
 */
export class Outbox {
  private readonly state: OwnerState;
  private readonly entries = new Map<string, Entry>();

  constructor(state: OwnerState) {
    this.state = state;
  }

  /** Messages that were committed just now, or found in the record. */
  add(part: PartitionState, messages: readonly OutboxMessage[]): void {
    for (const message of messages) {
      if (this.entries.get(message.id)?.part === part) continue;
      if (this.entries.size >= MESSAGES_MAX) {
        part.outboxMore = true;
        continue;
      }
      const entry: Entry = { part, message, dueMs: 0, everyMs: RESEND_MS };
      this.entries.set(message.id, entry);
      this.send(entry);
    }
  }

  /** The beginning of a partition's outbox was read; undefined when that failed. */
  onRead(part: PartitionState, page: OutboxPage | undefined): void {
    part.outboxReading = false;
    // What there was no room for while the page was read may be behind it: that is known already, and stays so.
    part.outboxMore ||= page?.more ?? true;
    if (page) this.add(part, page.messages);
  }

  /** Sends again what is due, and reads on where there was no room. */
  patrol(): void {
    const nowMs = this.state.port.nowMs();
    for (const [id, entry] of this.entries) {
      if (!this.state.isCurrent(entry.part)) this.entries.delete(id);
      else if (nowMs >= entry.dueMs) this.send(entry);
    }
    for (const part of this.state.owned.values()) {
      if (!part.outboxMore || part.outboxReading || this.entries.size > MESSAGES_MAX / 2) continue;
      part.outboxReading = true;
      part.outboxMore = false;
      this.state.port.readOutbox(part.partition, part.stamp.epoch);
    }
  }

  onAccepted({ runId, outcome }: Accepted): void {
    if (outcome === "ACCEPTED") this.delivered(`start/${runId}`);
  }

  onResumed({ requestId, outcome, runId }: Resumed): void {
    const entry = this.entries.get(requestId);
    if (!entry || outcome === "EARLY") return;
    if (outcome !== "TOO_LARGE") return this.delivered(requestId);
    const payload = failedChild(entry.message.runId, "PayloadTooLarge", `its result has no room in run ${runId}`);
    // One that has no room even for that is asked again in its time, not at once for ever.
    if (entry.message.payload.length <= payload.length) return;
    entry.message = { ...entry.message, payload };
    this.send(entry);
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
    entry.message = { ...entry.message, body: told, payload: failedChild(childId, reason, message) };
    this.send(entry);
  }

  private send(entry: Entry): void {
    const { body } = entry.message;
    entry.dueMs = this.state.port.nowMs() + entry.everyMs;
    entry.everyMs = Math.min(entry.everyMs * 1.5, RESEND_MAX_MS);
    // A run that is not there yet cannot be cancelled: its start goes first.
    if (body.kind === "CANCEL" && this.entries.has(`start/${body.runId}`)) return;
    if (this.state.isLeased()) this.state.port.deliver(entry.message);
  }

  private delivered(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    this.entries.delete(id);
    const { partition, runId } = entry.message;
    if (!this.state.isCurrent(entry.part)) return;
    this.state.commit(entry.part, { kind: "delivered", partition, runId, id }, () => undefined);
  }
}
