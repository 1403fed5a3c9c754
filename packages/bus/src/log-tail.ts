import type { control } from "@millrace/protocol";
import { DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from "@nats-io/jetstream";
import { keepAttached } from "./attachment.ts";
import type { Bus } from "./bus.ts";
import { LOG_STREAM, type LogFilter, type LogReader } from "./log-types.ts";
import { readBatch, type LogTrust } from "./log-trust.ts";
import { streamsOf } from "./streams.ts";
import { subjects } from "./subjects.ts";

/**
 * Reads lines as they come, in the order of the stream, each batch once: a publisher that did not hear the acknowledgement
 * sends a batch again, and after a lost connection reading goes on behind the last message seen.
 */
export function tailLogs(
  bus: Bus,
  trust: LogTrust,
  filter: LogFilter,
  onBatch: (batch: control.LogBatch) => void,
): LogReader {
  let lastSequence = 0;
  const seen = new RecentBatches();
  const receive = (message: JsMsg): void => {
    lastSequence = message.seq;
    const batch = readBatch(bus, trust, message);
    if (batch === undefined || !matches(filter, batch) || !seen.add(batch)) return;
    try {
      onBatch(batch);
    } catch (thrown) {
      bus.counters.handlerErrors++;
      bus.log.error("logs.reader_failed", { error: thrown });
    }
  };
  const attachment = keepAttached(bus, "reading log lines", async () => {
    const { client } = await streamsOf(bus, "reading log lines");
    const consumer = await client.consumers.get(LOG_STREAM, startAt(filter, lastSequence));
    const messages = await consumer.consume({ callback: receive });
    let ended = false;
    void messages.closed().then(() => !ended && attachment.restart());
    return () => {
      ended = true;
      messages.stop();
    };
  });
  return { close: () => attachment.close() };
}

function startAt(filter: LogFilter, lastSequence: number): Partial<OrderedConsumerOptions> {
  const subject = subjectOf(filter);
  if (lastSequence > 0)
    return { filter_subjects: subject, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: lastSequence + 1 };
  return { filter_subjects: subject, deliver_policy: "runId" in filter ? DeliverPolicy.All : DeliverPolicy.New };
}

function subjectOf(filter: LogFilter): string {
  if ("runId" in filter) return subjects.logsOfRun(filter.runId);
  return "projectId" in filter ? subjects.allLogs() : subjects.logsOfPartition(filter.partition);
}

function matches(filter: LogFilter, batch: control.LogBatch): boolean {
  if ("runId" in filter) return true;
  return "projectId" in filter ? batch.projectId === filter.projectId : batch.workflowId === filter.workflowId;
}

const RECENT_MAX = 4_096;

/** Remembers batches by run, assignment and first sequence: enough of them to span any publisher's retries. */
class RecentBatches {
  #keys = new Set<string>();

  /** False for a copy. */
  add(batch: control.LogBatch): boolean {
    const key = `${batch.handing?.runId}/${batch.handing?.assignment}/${batch.lines[0]?.sequence}`;
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size > RECENT_MAX) this.#keys.delete(this.#keys.values().next().value!);
    return true;
  }
}
