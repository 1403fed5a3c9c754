import { PlatformError } from "@millrace/core";
import type { Bus, BusHeaders } from "../bus.ts";
import { disconnectedError } from "../bus-errors.ts";

/** A message of a bucket, as listed. */
export interface ListedMessage {
  readonly name: string;
  readonly sequence: number;
  /** When the server wrote it, by its own clock. */
  readonly writtenMs: number;
  readonly text: string;
}

/** An entry that ends while it is listed makes the server break off; it is asked again so often. */
const TRIES = 3;

/**
 * Everything that one server has in a bucket, as of one moment after the asking. A listing that was broken off says the same
 * as an empty one, so only one that came to its end counts.
 */
export async function listBucket(
  bus: Bus,
  stream: string,
  prefix: string,
  timeoutMs: number,
): Promise<ListedMessage[]> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const listing = await listOnce(bus, stream, prefix, timeoutMs);
    if (listing !== undefined) return listing;
  }
  throw new PlatformError("Unavailable", "LEASES_STALE", "the leases changed while they were read");
}

async function listOnce(
  bus: Bus,
  stream: string,
  prefix: string,
  timeoutMs: number,
): Promise<ListedMessage[] | undefined> {
  const listed: ListedMessage[] = [];
  let whole = false;
  const askedMs = performance.now();
  const question = Buffer.from(JSON.stringify({ multi_last: [`${prefix}>`] }));
  const complete = await bus.gather(`$JS.API.DIRECT.GET.${stream}`, question, {
    timeoutMs,
    onReply: (data, { headers }) => {
      const status = headers?.["Status"];
      if (status === undefined) {
        listed.push(messageOf(data, headers ?? {}, prefix));
        return false;
      }
      // 204 ends a batch; 404 is an empty one, or one that broke off.
      whole = status === "204" ? headers?.["Nats-Num-Pending"] === "0" : listed.length === 0;
      return true;
    },
  });
  if (complete) return whole ? listed : undefined;
  if (!bus.connected) throw disconnectedError("reading the leases");
  if (performance.now() - askedMs < timeoutMs) throw noBucketError(stream);
  throw new PlatformError("DeadlineExceeded", "BUS_TIMEOUT", "reading the leases: no answer in time");
}

function noBucketError(stream: string): PlatformError {
  return new PlatformError("Unavailable", "BUS_NO_RESPONDERS", `reading the leases: nobody has ${stream}`);
}

function messageOf(data: Uint8Array, headers: BusHeaders, prefix: string): ListedMessage {
  return {
    name: (headers["Nats-Subject"] ?? "").slice(prefix.length),
    sequence: Number(headers["Nats-Sequence"]),
    writtenMs: Date.parse(headers["Nats-Time-Stamp"] ?? ""),
    text: Buffer.from(data).toString(),
  };
}
