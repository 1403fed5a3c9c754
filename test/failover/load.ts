import { setTimeout as sleep } from "node:timers/promises";

/** One submit that was answered. */
interface Answer {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly status: number;
}

/** What a client has seen. */
export interface LoadReport {
  readonly acknowledged: readonly string[];
  /** Answers other than 200, by status; 0 where there was none. */
  readonly refused: ReadonlyMap<number, number>;
  /** The longest time between two acknowledgements while submits were sent all the time. */
  readonly longestStallMs: number;
  /** The longest that a submit which was acknowledged had to wait. */
  readonly slowestMs: number;
  readonly p50Ms: number;
  readonly retryAfterMissing: number;
}

/** Submits at a steady rate, whatever becomes of the answers. */
export class Load {
  readonly #urls: readonly string[];
  readonly #perSecond: number;
  readonly #acknowledged: string[] = [];
  readonly #answers: Answer[] = [];
  readonly #pending = new Set<Promise<void>>();
  #retryAfterMissing = 0;
  #stopped = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(urls: readonly string[], perSecond: number) {
    this.#urls = urls;
    this.#perSecond = perSecond;
  }

  start(): void {
    this.#sending = this.#send();
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  /** Stops sending and waits for all answers. */
  async stop(): Promise<LoadReport> {
    this.#stopped = true;
    await this.#sending;
    await Promise.all(this.#pending);
    const good = this.#answers.filter(({ status }) => status === 200);
    const times = good.map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
    const waits = good.map(({ sentAt, answeredAt }) => answeredAt - sentAt).sort((a, b) => a - b);
    const refused = new Map<number, number>();
    for (const { status } of this.#answers) {
      if (status !== 200) refused.set(status, (refused.get(status) ?? 0) + 1);
    }
    return {
      acknowledged: this.#acknowledged,
      refused,
      longestStallMs: Math.max(0, ...times.slice(1).map((time, index) => time - times[index]!)),
      slowestMs: waits.at(-1) ?? 0,
      p50Ms: waits[Math.floor(waits.length / 2)] ?? 0,
      retryAfterMissing: this.#retryAfterMissing,
    };
  }

  async #send(): Promise<void> {
    const startedAt = performance.now();
    for (let count = 0; !this.#stopped; count++) {
      const dueAt = startedAt + (count * 1_000) / this.#perSecond;
      const early = dueAt - performance.now();
      if (early > 1) await sleep(early);
      const submit = this.#submit(this.#urls[count % this.#urls.length]!);
      this.#pending.add(submit);
      void submit.finally(() => this.#pending.delete(submit));
    }
  }

  async #submit(url: string): Promise<void> {
    const sentAt = performance.now();
    let status = 0;
    try {
      const response = await fetch(url, {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json" },
      });
      const text = await response.text();
      status = response.status;
      if (status === 200) this.#acknowledged.push((JSON.parse(text) as { run: string }).run);
      else if (status === 503 && response.headers.get("retry-after") === null) this.#retryAfterMissing++;
    } catch {
      // No answer is no acknowledgement.
    }
    this.#answers.push({ sentAt, answeredAt: performance.now(), status });
  }
}
