import type { control } from "@millrace/protocol";
import { AckPolicy, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import { keepAttached, type Detach } from "./attachment.ts";
import type { Bus } from "./bus.ts";
import { LOG_STREAM, type LogReader, type LogStreamLimits, type LogWriter } from "./log-types.ts";
import { readBatch, type LogTrust } from "./log-trust.ts";
import { ensureConsumer, streamsOf, type Streams } from "./streams.ts";

/** The durable consumer that all writers share. */
const CONSUMER = "postgres";
const REDELIVERY_DELAY_MS = 1_000;
const MISSING_CHECK_MS = 5_000;
/** Looks at a stream with fewer copies than wanted come after so many checks: the cluster may have grown. */
const RAISE_AFTER_CHECKS = 6;

/** The stream as those who consume it keep it. */
export interface KeptStream {
  /** Makes it, or brings it up to the settings. */
  ensure(): Promise<void>;
  /** True when the cluster had too few servers for all the copies that are wanted. */
  lacksCopies(): boolean;
  readonly trust: LogTrust;
}

/**
 * Joins those who move log lines to Postgres. Messages gather while the writer is busy, so that batches grow with the load
 * and a lone line waits for nobody. They are acknowledged after the writer has stored them; a batch that it could not
 * store is given back and comes again, to this consumer or another one: writers must take copies.
 */
export function consumeLogs(bus: Bus, limits: LogStreamLimits, stream: KeptStream, writer: LogWriter): LogReader {
  const gathered: JsMsg[] = [];
  let writing = false;

  const write = async (): Promise<void> => {
    if (writing) return;
    writing = true;
    while (gathered.length > 0) await writeSome(bus, stream.trust, gathered.splice(0, limits.consumeBatchMax), writer);
    writing = false;
  };
  const attachment = keepAttached(bus, "moving log lines", async () => {
    await stream.ensure();
    const end = await attach(await streamsOf(bus, "moving log lines"), limits, {
      onCheck: (count) => {
        if (count % RAISE_AFTER_CHECKS !== 0 || !stream.lacksCopies()) return;
        stream.ensure().catch((thrown: unknown) => bus.log.warn("logs.copies_not_raised", { error: thrown }));
      },
      onMessage: (message) => {
        gathered.push(message);
        void write();
      },
      onEnd: () => attachment.restart(),
    });
    return () => {
      // Given back, so that another writer has them at once; from a lost connection they come again by themselves.
      for (const message of gathered.splice(0)) message.nak();
      end();
    };
  });
  return { close: () => attachment.close() };
}

async function attach(
  streams: Streams,
  limits: LogStreamLimits,
  on: { onMessage: (message: JsMsg) => void; onEnd: () => void; onCheck: (count: number) => void },
): Promise<Detach> {
  await ensureConsumer(streams, LOG_STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: limits.ackWaitMs * 1_000_000,
    max_ack_pending: limits.ackPendingMax,
  });
  const consumer = await streams.client.consumers.get(LOG_STREAM, CONSUMER);
  const messages = await consumer.consume({ max_messages: limits.consumeBatchMax, callback: on.onMessage });
  let ended = false;
  let checks = 0;
  const check = setInterval(() => {
    on.onCheck(++checks);
    // A stream that was deleted takes its consumer along, and the client would wait for it for ever.
    consumer.info().catch(() => !ended && on.onEnd());
  }, MISSING_CHECK_MS);
  void messages.closed().then(() => !ended && on.onEnd());
  return () => {
    ended = true;
    clearInterval(check);
    messages.stop();
  };
}

async function writeSome(bus: Bus, trust: LogTrust, messages: readonly JsMsg[], writer: LogWriter): Promise<void> {
  const batches: control.LogBatch[] = [];
  const readable: JsMsg[] = [];
  for (const message of messages) {
    const batch = readBatch(bus, trust, message);
    if (batch === undefined) {
      message.term("not a log batch of this run's runner");
      continue;
    }
    batches.push(batch);
    readable.push(message);
  }
  if (batches.length === 0) return;
  try {
    await writer(batches);
    for (const message of readable) message.ack();
  } catch (thrown) {
    bus.log.warn("logs.write_failed", { batches: batches.length, error: thrown });
    for (const message of readable) message.nak(REDELIVERY_DELAY_MS);
  }
}
