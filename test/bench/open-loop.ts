import { setTimeout as sleep } from "node:timers/promises";
import { HttpConnection } from "./http-connection.ts";

/** Requests under way at the same time beyond which nothing more is sent; they count as not offered. */
const UNDER_WAY_MAX = 4_000;
const TURN_MS = 1;

/** One request that was sent when it was due, whatever became of those before it. */
export interface Sample {
  /** When it was due, in ms since the load began. */
  readonly atMs: number;
  /** From then until its answer. */
  readonly ms: number;
  /** 0 when the connection broke. */
  readonly status: number;
}

/** What a load came to. */
export interface OpenLoad {
  readonly samples: readonly Sample[];
  /** Requests that were due and could not be sent. */
  readonly notOffered: number;
}

/** Sends requests at a rate of its own, at random distances, as callers do who know nothing of each other. */
export class OpenLoop {
  readonly #url: string;
  readonly #body: string;
  readonly #idle: HttpConnection[] = [];
  #underWay = 0;

  constructor(url: string, body: string) {
    this.#url = url;
    this.#body = body;
  }

  /** Offers so many requests a second for so long, and waits for their answers. */
  async offer(perSecond: number, seconds: number): Promise<OpenLoad> {
    const samples: Sample[] = [];
    const startMs = performance.now();
    let notOffered = 0;
    let dueMs = 0;
    while (dueMs < seconds * 1000) {
      const nowMs = performance.now() - startMs;
      while (dueMs <= nowMs && dueMs < seconds * 1000) {
        if (this.#underWay >= UNDER_WAY_MAX) notOffered++;
        else void this.#send(dueMs, startMs, samples);
        dueMs += (-Math.log(1 - Math.random()) * 1000) / perSecond;
      }
      await sleep(TURN_MS);
    }
    while (this.#underWay > 0) await sleep(TURN_MS);
    return { samples, notOffered };
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  async #send(atMs: number, startMs: number, samples: Sample[]): Promise<void> {
    this.#underWay++;
    let status = 0;
    let connection: HttpConnection | undefined;
    try {
      do connection = this.#idle.pop();
      while (connection?.isOpen === false);
      connection ??= await HttpConnection.open(this.#url, this.#body);
      status = await connection.exchange();
      this.#idle.push(connection);
    } catch {
      connection?.close();
    }
    this.#underWay--;
    samples.push({ atMs, ms: performance.now() - startMs - atMs, status });
  }
}
