import type { Channels } from "@millrace/bus";
import type { CommitBatch, CommitOutcome } from "@millrace/core";

/** Changes are gathered for so long: people watch, and a message for each change would cost more than it tells. */
const GATHER_MS = 150;
/** A gateway that somebody watches runs at says so again within this time. */
const WATCHED_MS = 7_000;
/** Most runs in one message. */
const RUNS_MAX = 20_000;
/** Gateways beyond these are not told. */
const GATEWAYS_MAX = 1_000;
const ID_BYTES = 16;

/** Tells gateways which runs have changed, as long as somebody watches there; else nothing is gathered and nothing is sent. */
export class ChangeFeed {
  readonly #channels: Pick<Channels, "runsChanged">;
  /** Until when each gateway wants to hear. */
  readonly #watching = new Map<string, number>();
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(channels: Pick<Channels, "runsChanged">) {
    this.#channels = channels;
  }

  /** Somebody watches at a gateway. */
  watch(gateway: string): void {
    if (this.#watching.size < GATEWAYS_MAX) this.#watching.set(gateway, performance.now() + WATCHED_MS);
  }

  /** A commit is done. */
  committed({ changes }: CommitBatch, { refused }: CommitOutcome): void {
    if (this.#watching.size === 0) return;
    for (const { kind, partition, runId } of changes) {
      if (kind !== "delivered" && !refused.has(partition)) this.#changed.add(runId);
    }
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#send(), GATHER_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #send(): void {
    this.#timer = undefined;
    const ids = [...this.#changed];
    this.#changed = new Set();
    const nowMs = performance.now();
    for (const [gateway, untilMs] of this.#watching) if (untilMs < nowMs) this.#watching.delete(gateway);
    for (let at = 0; at < ids.length; at += RUNS_MAX) {
      const part = ids.slice(at, at + RUNS_MAX);
      const runIds = Buffer.alloc(part.length * ID_BYTES);
      part.forEach((id, index) => runIds.write(id.replaceAll("-", ""), index * ID_BYTES, "hex"));
      for (const gateway of this.#watching.keys()) this.#channels.runsChanged(gateway).send({ runIds });
    }
  }
}
