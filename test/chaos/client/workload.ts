import { setTimeout as sleep } from "node:timers/promises";

import { stateName, type ApiClient } from "@millrace/cli";
import { coerceError, isEndState } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import { Random } from "../../simulation/random.ts";
import type { History, Operation } from "./history.ts";
import { COUNTERS, PROBES } from "./workflows.ts";

/** A gateway as the client knows it. */
export interface Door {
  readonly url: string;
  readonly client: ApiClient;
}

export interface WorkloadOptions {
  readonly doors: readonly Door[];
  /** Addresses of the HTTP triggers, by workflow. */
  readonly triggers: ReadonlyMap<string, string>;
  readonly history: History;
  readonly seed: string;
  /** How long what is under way may take once nothing new is asked for. */
  readonly settleMs: number;
  /** Operations that begin in a second, beside the probes. */
  readonly rate: number;
  /** What it asks for; by default everything. */
  readonly kinds?: readonly Kind[] | undefined;
}

const PROBE_EVERY_MS = 1_000;
const HTTP_TRY_MS = 4_000;
const GRPC_TRY_MS = 4_000;
const FOLLOW_TRY_MS = 10_000;
/** How long one idempotency key, cancel or link is tried. */
const INSIST_MS = 120_000;
/** More than this at once would measure the client. */
const UNDER_WAY_MAX = 300;

/** Refusals after which nothing has happened. */
const REFUSALS: ReadonlySet<string> = new Set([
  "QUEUE_FULL",
  "PROJECT_QUEUE_FULL",
  "GATEWAY_BUSY",
  "OVERLOADED",
  "TRIGGER_NOT_FOUND",
]);

/** Operations that the client begins. */
export type Kind =
  | "at-once"
  | "steps"
  | "cancelled"
  | "replay"
  | "suspended"
  | "delayed"
  | "counting"
  | "limit-1"
  | "limit-3"
  | "parent";

const MIX: readonly (readonly [Kind, number])[] = [
  ...([
    ["at-once", 5],
    ["steps", 4],
    ["cancelled", 3],
    ["replay", 1],
    ["suspended", 2],
  ] as const),
  ...([
    ["delayed", 2],
    ["counting", 3],
    ["limit-1", 1],
    ["limit-3", 2],
    ["parent", 2],
  ] as const),
];

/** The client: asks for runs all the time, the same from the same seed, and writes down what it asked for and what it got. */
export class Workload {
  readonly #options: WorkloadOptions;
  readonly #history: History;
  readonly #random: Random;
  readonly #mix: typeof MIX;
  readonly #underWay = new Set<Promise<void>>();
  readonly #finished: { run: string; mark: string }[] = [];
  #isOpen = true;
  #marks = 0;
  #door = 0;
  #skipped = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#history = options.history;
    this.#random = new Random(`workload ${options.seed}`);
    this.#mix = MIX.filter(([kind]) => options.kinds?.includes(kind) ?? true);
  }

  /** Operations that were left out because too many were under way. */
  get skipped(): number {
    return this.#skipped;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Asks until it is closed. */
  async run(): Promise<void> {
    await Promise.all([this.#ask(), ...PROBES.map((workflow, index) => this.#probe(workflow, index))]);
  }

  /** Asks for nothing new, and waits for what is under way. */
  async close(): Promise<void> {
    this.#isOpen = false;
    const settled = Promise.all(this.#underWay);
    await Promise.race([settled, sleep(this.#options.settleMs, undefined, { ref: false })]);
  }

  async #ask(): Promise<void> {
    while (this.#isOpen) {
      await sleep((1_000 / this.#options.rate) * this.#random.uniform(0.5, 1.5));
      const kind = this.#random.weighted(this.#mix);
      const dice = new Random(`operation ${this.#options.seed} ${++this.#marks}`);
      if (this.#underWay.size >= UNDER_WAY_MAX) {
        this.#skipped++;
        continue;
      }
      const done = this.#operate(kind, `m${this.#marks}`, dice).catch((error: unknown) =>
        this.#history.write("client-error", { error: String(error) }),
      );
      this.#underWay.add(done);
      void done.finally(() => this.#underWay.delete(done));
    }
  }

  /**
   * One run after another: a gap between two answers is time in which this workflow stood still. Like every client that knows two
   * addresses it stays with the one that answers, and turns to the other when it does not.
   */
  async #probe(workflow: string, index: number): Promise<void> {
    const { doors } = this.#options;
    let at = index;
    await sleep((index * PROBE_EVERY_MS) / PROBES.length);
    for (let n = 1; this.#isOpen; n++) {
      const begunAt = performance.now();
      const operation = await this.#http("sync", workflow, `${workflow}.${n}`, doors[at % doors.length] as Door);
      if (operation.outcome !== "ok") at++;
      const pauseMs = operation.outcome === "ok" ? PROBE_EVERY_MS - (performance.now() - begunAt) : 100;
      await sleep(Math.max(0, pauseMs));
    }
  }

  async #operate(kind: Kind, mark: string, dice: Random): Promise<void> {
    switch (kind) {
      case "at-once":
        await this.#follow((await this.#http("at-once", kind, mark, this.#nextDoor())).run, kind, mark);
        return;
      case "replay":
        await this.#replay(dice);
        return;
      case "cancelled":
        await this.#cancel(mark, dice);
        return;
      case "suspended":
        await this.#suspend(mark, dice);
        return;
      default:
        await this.#createAndFollow(kind, mark, this.#eventOf(kind, dice), dice);
    }
  }

  #eventOf(kind: Kind, dice: Random): object {
    if (kind === "delayed") return { delay: dice.integer(200, 4_000) };
    if (kind !== "counting") return {};
    const counter = `counter:${dice.integer(0, COUNTERS - 1)}`;
    // Every few runs claim the same key, and one of them gets it.
    return { counter, times: dice.integer(1, 6), claim: `claim:${Math.floor(this.#marks / 40)}` };
  }

  #nextDoor(): Door {
    const { doors } = this.#options;
    return doors[this.#door++ % doors.length] as Door;
  }

  /** One request, never repeated: without an answer nobody knows whether it has begun a run. */
  async #http(kind: "sync" | "at-once", workflow: string, mark: string, door: Door): Promise<Operation> {
    const operation = this.#history.invoke(kind, workflow, mark);
    const address = new URL(this.#options.triggers.get(workflow) ?? "");
    const url = new URL(address.pathname, door.url);
    try {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify({ mark }),
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(HTTP_TRY_MS),
      });
      const run = response.headers.get("millrace-run") ?? undefined;
      this.#read(operation, run, response.status, await response.text());
    } catch (error) {
      this.#history.finish(operation, "unknown", { error: messageOf(error) });
    }
    return operation;
  }

  #read(operation: Operation, run: string | undefined, status: number, text: string): void {
    const { reason, token, mark } = parse(text);
    if (status === 200) {
      const answer = operation.kind === "sync" ? token : undefined;
      const error = operation.kind === "sync" && mark !== operation.mark ? `answer of ${mark}` : undefined;
      this.#history.finish(operation, "ok", { run, answer, error });
    } else if (REFUSALS.has(reason ?? "")) {
      this.#history.finish(operation, "fail", { error: reason });
    } else {
      // The house knows the run where it says how it ended, or that it goes on.
      const known = reason === "WAIT_OVER" || reason?.startsWith("RUN_") === true;
      this.#history.finish(operation, known ? "ok" : "unknown", { run, error: `${status} ${reason}` });
    }
  }

  /** Repeats a call at one gateway and the other until it is answered. */
  async #insist<T>(call: (client: ApiClient) => Promise<T>, isFinal: (reason: string) => boolean): Promise<T> {
    const endAt = performance.now() + INSIST_MS;
    for (;;) {
      try {
        return await call(this.#nextDoor().client);
      } catch (error) {
        if (isFinal(coerceError(error).reason) || performance.now() > endAt) throw error;
        await sleep(200);
      }
    }
  }

  async #create(workflow: string, mark: string, more: object, dice: Random): Promise<Operation> {
    const operation = this.#history.invoke("create", workflow, mark);
    const request = {
      parent: `workflows/${workflow}`,
      eventJson: JSON.stringify({ mark, ...more }),
      requestId: `key-${this.#options.seed}-${mark}`,
      waitTimeout: undefined,
    };
    const once = (client: ApiClient): Promise<void> =>
      client.runs.createRun(request, { deadlineMs: GRPC_TRY_MS }).then(({ id }) => void operation.runs.push(id));
    await this.#submit(operation, once, dice);
    return operation;
  }

  /** Some keys are sent to both gateways at once, and once more later: one run must come of it. */
  async #submit(operation: Operation, once: (client: ApiClient) => Promise<void>, dice: Random): Promise<void> {
    const isFinal = (reason: string): boolean => REFUSALS.has(reason);
    const copies = dice.next() < 0.2 ? 2 : 1;
    const sent = Array.from({ length: copies }, () => this.#insist(once, isFinal));
    const [first] = await Promise.allSettled(sent);
    if (operation.runs.length > 0) {
      this.#history.finish(operation, "ok", { run: operation.runs[0] });
    } else {
      const reason = first?.status === "rejected" ? coerceError(first.reason).reason : "";
      this.#history.finish(operation, isFinal(reason) ? "fail" : "unknown", { error: reason });
    }
  }

  async #createAndFollow(workflow: string, mark: string, more: object, dice: Random): Promise<void> {
    const { run } = await this.#create(workflow, mark, more, dice);
    const state = await this.#follow(run, workflow, mark);
    if (workflow === "steps" && state === "SUCCEEDED" && run !== undefined) this.#finished.push({ run, mark });
  }

  async #replay(dice: Random): Promise<void> {
    const original = this.#finished[dice.integer(0, Math.max(0, this.#finished.length - 1))];
    if (original === undefined) return;
    const operation = this.#history.invoke("replay", "steps", original.mark);
    const request = {
      name: `workflows/-/runs/${original.run}`,
      requestId: `replay-${this.#options.seed}-${operation.id}`,
      waitTimeout: undefined,
      fromStep: "",
      newestVersion: false,
      eventJson: "",
    };
    const once = (client: ApiClient): Promise<void> =>
      client.runs.replayRun(request, { deadlineMs: GRPC_TRY_MS }).then(({ id }) => void operation.runs.push(id));
    await this.#submit(operation, once, dice);
    await this.#follow(operation.run, "steps", original.mark);
  }

  async #cancel(mark: string, dice: Random): Promise<void> {
    const { run } = await this.#create("cancelled", mark, {}, dice);
    if (run === undefined) return;
    await sleep(dice.integer(0, 1_500));
    const operation = this.#history.invoke("cancel", "cancelled", mark, run);
    const request = { name: `workflows/-/runs/${run}`, reason: "chaos" };
    try {
      const call = (client: ApiClient): Promise<runApi.Run> =>
        client.runs.cancelRun(request, { deadlineMs: GRPC_TRY_MS });
      // A run that has ended cannot be cancelled; which end that was, the record tells.
      const answered = await this.#insist(call, (reason) => reason.startsWith("RUN_"));
      this.#history.finish(operation, "ok", { answer: stateName(answered.state) });
    } catch (error) {
      const { reason } = coerceError(error);
      this.#history.finish(operation, reason.startsWith("RUN_") ? "fail" : "unknown", { error: reason });
    }
    await this.#follow(run, "cancelled", mark);
  }

  /** Waits until the step has told its link, and follows it. */
  async #suspend(mark: string, dice: Random): Promise<void> {
    const { run } = await this.#create("suspended", mark, {}, dice);
    if (run === undefined) return;
    const links: string[] = [];
    const stop = this.#history.onSighting((seen) => {
      if (seen.run === run && seen.link !== undefined) links.push(seen.link);
    });
    links.push(...this.#history.sightings.flatMap((seen) => (seen.run === run ? (seen.link ?? []) : [])));
    const operation = this.#history.invoke("resume", "suspended", mark, run);
    const endAt = performance.now() + INSIST_MS;
    try {
      while (operation.outcome === "pending" && performance.now() < endAt) {
        await sleep(dice.integer(100, 1_000));
        const link = links.at(-1);
        if (link !== undefined) await this.#resume(operation, link, mark);
      }
    } finally {
      stop();
    }
    if (operation.outcome === "pending") this.#history.finish(operation, "unknown");
    await this.#follow(run, "suspended", mark);
  }

  async #resume(operation: Operation, link: string, mark: string): Promise<void> {
    const url = new URL(new URL(link).pathname + new URL(link).search, this.#nextDoor().url);
    try {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify({ mark }),
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(HTTP_TRY_MS),
      });
      const { reason } = parse(await response.text());
      if (response.status === 200) this.#history.finish(operation, "ok");
      // A try whose answer was lost has done it; which one, nobody knows.
      if (reason === "LINK_USED" || reason === "RUN_ENDED")
        this.#history.finish(operation, "unknown", { error: reason });
    } catch (error) {
      operation.error = messageOf(error);
    }
  }

  /** Waits for the end of a run and writes down which one it was shown. */
  async #follow(run: string | undefined, workflow: string, mark: string): Promise<string | undefined> {
    if (run === undefined) return undefined;
    const operation = this.#history.invoke("follow", workflow, mark, run);
    const name = `workflows/-/runs/${run}`;
    const endAt = performance.now() + 2 * INSIST_MS;
    while (performance.now() < endAt) {
      const timeout = { seconds: 5, nanos: 0 };
      const deadlineMs = FOLLOW_TRY_MS;
      const seen = await this.#nextDoor()
        .client.runs.waitRun({ name, timeout }, { deadlineMs })
        .catch((error: unknown) => {
          operation.error = messageOf(error);
          return undefined;
        });
      const state = seen && stateName(seen.state);
      if (state !== undefined && isEndState(state as Parameters<typeof isEndState>[0])) {
        this.#history.finish(operation, "ok", { answer: state, error: undefined });
        return state;
      }
      await sleep(100);
    }
    this.#history.finish(operation, "unknown");
    return undefined;
  }
}

function messageOf(error: unknown): string {
  const { reason, message } = coerceError(error);
  return reason === "INTERNAL" ? message : reason;
}

function parse(text: string): { reason?: string; token?: string; mark?: string } {
  try {
    const value = JSON.parse(text) as { error?: { reason?: string }; token?: string; mark?: string };
    return { ...(value.error?.reason !== undefined && { reason: value.error.reason }), ...value };
  } catch {
    return {};
  }
}
