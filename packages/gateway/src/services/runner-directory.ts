import type { BusSubscription, Channel } from "@millrace/bus";
import type { control } from "@millrace/protocol";

/** A runner counts as living this long after its last heartbeat. */
const LIVING_MS = 5_000;
const RUNNERS_MAX = 10_000;

/** A runner as it was heard last. */
export interface SeenRunner {
  readonly heartbeat: control.Heartbeat;
  /** Monotonic, in ms. */
  readonly seenAtMs: number;
}

/** The runners that are alive, from the heartbeats that they send to the schedulers. Only shown, never relied on. */
export class RunnerDirectory {
  readonly #seen = new Map<string, SeenRunner>();
  #subscription: BusSubscription | undefined;

  start(heartbeats: Channel<control.Heartbeat>): void {
    this.#subscription = heartbeats.listen((heartbeat) => {
      this.#seen.delete(heartbeat.runner);
      this.#seen.set(heartbeat.runner, { heartbeat, seenAtMs: performance.now() });
      if (this.#seen.size > RUNNERS_MAX) this.#seen.delete(this.#seen.keys().next().value!);
    });
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }

  /** Any runner that was heard lately, and takes work: of that pool, if one is named. */
  pick(pool?: string): string | undefined {
    const fit = this.living().filter(
      ({ heartbeat }) => !heartbeat.draining && (pool === undefined || heartbeat.pool === pool),
    );
    return fit[Math.floor(Math.random() * fit.length)]?.heartbeat.runner;
  }

  /** Those heard lately, by name. */
  living(): SeenRunner[] {
    const oldestMs = performance.now() - LIVING_MS;
    for (const [runner, { seenAtMs }] of this.#seen) if (seenAtMs < oldestMs) this.#seen.delete(runner);
    return [...this.#seen.values()].sort((a, b) => (a.heartbeat.runner < b.heartbeat.runner ? -1 : 1));
  }
}
