import { verifyRunToken, type RunTokenClaims, type RunTokenMac } from "@millrace/core";
import * as control from "@millrace/protocol/control";
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "./bus.ts";
import { runnerOf } from "./subjects.ts";

const TOKENS_MAX = 1_024;

/**
 * Tells log batches of a run's own runner from others. The run token alone says whose lines they are; that it was presented by
 * the runner which got it says the subject, which NATS has checked.
 */
export class LogTrust {
  readonly #mac: RunTokenMac;
  /** Tokens that were checked lately: a run sends many batches. */
  readonly #checked = new Map<string, RunTokenClaims>();

  constructor(mac: RunTokenMac) {
    this.#mac = mac;
  }

  /** @param storedMs when the batch came to NATS, since 1970: lines may wait longer for a reader than their token lives */
  isGenuine(
    { runToken, handing, projectId, workflowId }: control.LogBatch,
    subject: string,
    storedMs: number,
  ): boolean {
    const claims = this.#read(runToken, storedMs);
    return (
      claims !== undefined &&
      claims.runner === runnerOf(subject) &&
      claims.runId === handing?.runId &&
      claims.assignment === handing.assignment &&
      claims.projectId === projectId &&
      claims.workflowId === workflowId
    );
  }

  #read(token: string, storedMs: number): RunTokenClaims | undefined {
    const known = this.#checked.get(token);
    if (known !== undefined) return known.expiresAtMs > storedMs ? known : undefined;
    try {
      const claims = verifyRunToken(token, this.#mac, storedMs);
      this.#checked.set(token, claims);
      if (this.#checked.size > TOKENS_MAX) this.#checked.delete(this.#checked.keys().next().value!);
      return claims;
    } catch {
      return undefined;
    }
  }
}

/** The batch in a message of the stream; undefined, and counted, for what is none or was sent by another runner than the run's. */
export function readBatch(bus: Bus, trust: LogTrust, message: JsMsg): control.LogBatch | undefined {
  try {
    const batch = control.LogBatch.decode(message.data);
    if (trust.isGenuine(batch, message.subject, Number(message.timestampNanos / 1_000_000n))) return batch;
    bus.countForged("logs", message.subject);
  } catch (thrown) {
    bus.counters.undecodable++;
    bus.log.warn("message.undecodable", { kind: "logs", bytes: message.data.length, error: thrown });
  }
  return undefined;
}
