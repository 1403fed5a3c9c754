import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { until } from "../harness/until.ts";
import type { TestHouse } from "../harness/test-house.ts";

const TRY_MS = 60_000;
const END_MS = 120_000;

interface Acknowledged {
  readonly id: string;
  readonly sentMs: number;
  readonly ackMs: number;
}

/** What a stretch of the load looked like from outside. */
export interface LoadStretch {
  readonly submitted: number;
  readonly acknowledged: number;
  /** Longest time between the sending of a submit and its acknowledgement, or now for those that wait still. */
  readonly slowestMs: number;
  /** Longest time in which nothing was acknowledged. */
  readonly longestGapMs: number;
}

/** Submits runs at a steady pace over many workflows, whatever becomes of them, and keeps what was acknowledged. */
export class SteadyLoad {
  readonly #house: TestHouse;
  readonly #workflows: readonly string[];
  readonly #acknowledged: Acknowledged[] = [];
  /** When each was sent that waits. */
  readonly #pending = new Map<Promise<void>, number>();
  readonly #failures: unknown[] = [];
  #running = true;
  #submitted = 0;
  #marked = 0;
  #submittedBefore = 0;
  #markedMs = performance.now();
  #loop: Promise<void>;

  private constructor(house: TestHouse, workflows: readonly string[], perSecond: number) {
    this.#house = house;
    this.#workflows = workflows;
    this.#loop = this.#submitAll(perSecond);
  }

  /** Deploys the workflows and begins. Their ids spread them over the partitions. */
  static async start(
    house: TestHouse,
    options: { workflows: number; perSecond: number; source: string; prefix: string },
  ): Promise<SteadyLoad> {
    const names = Array.from({ length: options.workflows }, (_, i) => `${options.prefix}-${i}`);
    for (const name of names) await house.deploy({ name, trigger: { http: {} }, steps: { code: options.source } });
    return new SteadyLoad(house, names, options.perSecond);
  }

  async #submitAll(perSecond: number): Promise<void> {
    const begunMs = performance.now();
    while (this.#running) {
      const due = ((performance.now() - begunMs) / 1000) * perSecond;
      while (this.#submitted < due && this.#running) this.#submit();
      await sleep(5);
    }
  }

  #submit(): void {
    const workflow = this.#workflows[this.#submitted++ % this.#workflows.length]!;
    const sentMs = performance.now();
    const request = {
      parent: `workflows/${workflow}`,
      eventJson: "{}",
      requestId: randomUUID(),
      waitTimeout: undefined,
    };
    const submit = async (): Promise<void> => {
      for (;;) {
        try {
          const { id } = await this.#house.client.runs.createRun({ ...request, priority: 0 });
          this.#acknowledged.push({ id, sentMs, ackMs: performance.now() });
          return;
        } catch (error) {
          if (performance.now() - sentMs > TRY_MS) return void this.#failures.push(error);
          await sleep(50);
        }
      }
    };
    const pending = submit().finally(() => this.#pending.delete(pending));
    this.#pending.set(pending, sentMs);
  }

  /** Begins a new stretch; returns the one before. */
  mark(): LoadStretch {
    const nowMs = performance.now();
    const stretch = this.#acknowledged.slice(this.#marked);
    const times = [this.#markedMs, ...stretch.map(({ ackMs }) => ackMs), nowMs];
    const waits = stretch.map(({ sentMs, ackMs }) => ackMs - sentMs);
    for (const sentMs of this.#pending.values()) waits.push(nowMs - sentMs);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    const submitted = this.#submitted - this.#submittedBefore;
    this.#marked = this.#acknowledged.length;
    this.#submittedBefore = this.#submitted;
    this.#markedMs = nowMs;
    return {
      submitted,
      acknowledged: stretch.length,
      slowestMs: Math.round(Math.max(0, ...waits)),
      longestGapMs: Math.round(Math.max(...gaps)),
    };
  }

  /** Ends the load; fails when something that was acknowledged is lost, has not succeeded or stands twice in history. */
  async finish(): Promise<number> {
    this.#running = false;
    await this.#loop;
    await Promise.all(this.#pending.keys());
    assert.deepEqual(this.#failures, [], "every submit is acknowledged in the end");
    const ids = this.#acknowledged.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, "each acknowledgement names a run of its own");
    const database = await this.#house.connectDatabase();
    try {
      await until(async () => {
        const { rows } = await database.query<{ hot: string }>("SELECT count(*) AS hot FROM runs");
        return rows[0]?.hot === "0";
      }, END_MS);
      const { rows } = await database.query<{ id: string; state: string; times: string }>(
        "SELECT id, min(state::text) AS state, count(*) AS times FROM history_runs WHERE id = ANY ($1) GROUP BY id",
        [ids],
      );
      assert.equal(rows.length, ids.length, `${ids.length - rows.length} acknowledged runs are lost`);
      assert.deepEqual(
        rows.filter(({ state, times }) => state !== "SUCCEEDED" || times !== "1"),
        [],
        "runs that did not succeed, or ended twice",
      );
    } finally {
      await database.end();
    }
    return ids.length;
  }
}
