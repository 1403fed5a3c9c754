import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { readStatus, type RunDocument } from "@millrace/cli";
import { ExtraProcess, pidOf } from "../harness/extra-process.ts";
import { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";
import { AnswerClients } from "./fences/answers.ts";
import { Watcher, type WatchedExecution } from "./fences/watcher.ts";
import { awaitEnd, checkRuns, insist } from "./kill-round.ts";

const STEPS = [0, 1, 2];
/** Longer than any life, lease or wait. */
const FROZEN_MS = 8_000;
const BEGIN_MS = 60_000;
/** A dead runner's runs begin again within these, without and with a limit. */
const AGAIN_MS = { free: 5_000, limited: 8_000 } as const;
/** An execution that was seen this shortly before a kill, and not this long after it, has died of it. */
const SEEN_MS = 300;
const STORE = "fences";

/** In `npm test` one process is frozen; the whole is the suite `fences-all`. */
const whole = process.env["MILLRACE_FENCES"] === "all";

// A process that is frozen for longer than its leases and lives, and then goes on as if nothing had been, is what fences are for.
describe("fences, with real processes", () => {
  let house: TestHouse;
  let watcher: Watcher;
  let second: ExtraProcess;

  before(async () => {
    watcher = await Watcher.start();
    house = await TestHouse.start({ separate: true, environment: { MILLRACE_SLOTS: "6" } });
    second = await ExtraProcess.start(house, "runner", "second");
    await deploy("free", 1500, {});
    await deploy("limited", 700, { concurrency: 1 });
  });
  after(async () => {
    await second?.[Symbol.asyncDispose]();
    await house?.stop();
    await watcher?.close();
  });

  async function deploy(name: string, workMs: number, settings: object): Promise<void> {
    const steps = Object.fromEntries(STEPS.map((i) => [`step-${i}`, watcher.stepSource(name, i, workMs)]));
    const inputs = Object.fromEntries(Object.keys(steps).map((step) => [step, { data_store: { store: STORE } }]));
    await house.deploy({ name, triggers: [{ http: {} }], steps, inputs, settings });
  }

  async function submit(workflow: string, count: number): Promise<string[]> {
    const request = { parent: `workflows/${workflow}`, eventJson: "{}", requestId: "", waitTimeout: undefined };
    const submits = Array.from({ length: count }, () => house.client.runs.createRun(request));
    return (await Promise.all(submits)).map(({ id }) => id);
  }

  /** Of runs that were just begun; returns what was seen of their executions when all have ended, having checked all of it. */
  async function checkAll(ids: readonly string[], from: number): Promise<WatchedExecution[]> {
    const ended = await Promise.all(ids.map((id) => awaitEnd(house, id)));
    const executions = watcher.executions.slice(from);
    checkRuns(ended, executions);
    checkLimit(executions.filter(({ workflow }) => workflow === "limited"));
    await checkWrites(ended);
    await checkOnce(ids);
    return executions;
  }

  /** Whoever was replaced has written nothing behind its successor: each key has the token that history keeps. */
  async function checkWrites(ended: readonly RunDocument[]): Promise<void> {
    for (const { id, steps } of ended) {
      for (const [index, { returnValue }] of steps.entries()) {
        const request = { parent: `dataStores/${STORE}`, key: `${id}/${index}` };
        const { valueJson } = await insist(
          () => house.client.dataStores.getDataStoreRecord(request),
          "reading a record",
        );
        assert.equal(JSON.parse(valueJson), (returnValue as { token: string }).token, request.key);
      }
    }
  }

  async function checkOnce(ids: readonly string[]): Promise<void> {
    const database = await house.connectDatabase();
    const text = "SELECT id, count(*)::int AS times FROM history_runs WHERE id = ANY ($1) GROUP BY id";
    const { rows } = await database.query<{ times: number }>(text, [ids]);
    await database.end();
    assert.deepEqual([rows.length, rows.filter(({ times }) => times !== 1)], [ids.length, []]);
  }

  /** Returns when it was frozen. */
  async function freeze(context: TestContext, what: string, pid: number): Promise<number> {
    const from = watcher.executions.length;
    const ids = [...(await submit("free", 6)), ...(await submit("limited", 4))];
    await until(() => watcher.executions.length >= from + 4, BEGIN_MS);
    process.kill(pid, "SIGSTOP");
    const frozenMs = performance.now();
    // Being frozen for so long is what is tested: nothing else tells that it is over.
    await sleep(FROZEN_MS);
    process.kill(pid, "SIGCONT");
    const executions = await checkAll(ids, from);
    const repeated = executions.length - ids.length * STEPS.length;
    context.diagnostic(`${what} frozen for ${FROZEN_MS} ms: ${ids.length} runs, ${repeated} executions repeated`);
    return frozenMs;
  }

  test("a runner that wakes up can neither checkpoint, answer nor write for what was given to another", async (context) => {
    const clients = await AnswerClients.deploy(house);
    clients.begin(3, 2);
    await until(() => clients.begun === 3, BEGIN_MS);
    // It has at least one that is being answered.
    const pid = await busiest();
    const frozenMs = await freeze(context, "a runner", pid);
    const cut = await clients.check(frozenMs);
    context.diagnostic(`${cut} of 3 bodies were broken off`);
    assert.ok(cut > 0, "the frozen runner was sending nothing");
  });

  test("nor can a worker", { skip: !whole }, async (context) => {
    const { processes } = await readStatus(house.data);
    await freeze(context, "a worker", processes.find(({ role }) => role === "worker")!.pid!);
  });

  test("nor does a scheduler that wakes up decide anything", { skip: !whole }, async (context) => {
    await using _ = await ExtraProcess.start(house, "scheduler", "standby");
    await freeze(context, "a scheduler", await pidOf(house, "scheduler"));
  });

  /** Milliseconds from a kill to the next execution of each run that died of it. */
  function pausesAfter(killedMs: number, executions: readonly WatchedExecution[]): number[] {
    const dead = executions.filter(({ beganMs, aliveMs }) => beganMs < killedMs && aliveMs < killedMs + SEEN_MS);
    return dead.flatMap(({ run, step, aliveMs }) => {
      const next = executions.find((one) => one.run === run && one.step === step && one.beganMs > killedMs);
      return next && aliveMs > killedMs - SEEN_MS ? [next.beganMs - killedMs] : [];
    });
  }

  /** The process of the runner that has most runs, as soon as one has told of any. */
  async function busiest(): Promise<number> {
    let name = "";
    await until(async () => {
      const { runners } = await house.client.pools.listRunners({ parent: "pools/default" });
      const [first] = runners.sort((a, b) => b.runCount - a.runCount);
      name = first?.runner ?? "";
      return (first?.runCount ?? 0) > 0;
    });
    return name === second.name ? second.pid : pidOf(house, "runner");
  }

  for (const workflow of ["free", "limited"] as const) {
    const about = `the ${workflow} runs of a runner that is killed begin again elsewhere in time`;
    test(about, { skip: !whole }, async (context) => {
      const from = watcher.executions.length;
      const ids = await submit(workflow, workflow === "free" ? 8 : 3);
      await until(() => watcher.executions.length >= from + (workflow === "free" ? 8 : 1), BEGIN_MS);
      const pid = await busiest();
      const killedMs = performance.now();
      process.kill(pid, "SIGKILL");
      const executions = await checkAll(ids, from);
      const pauses = pausesAfter(killedMs, executions);
      assert.ok(pauses.length > 0, "nothing died of it");
      const longest = Math.max(...pauses);
      context.diagnostic(`${pauses.length} runs began again, the last after ${Math.round(longest)} ms`);
      assert.ok(longest < AGAIN_MS[workflow], `a run began again only after ${longest} ms`);
      // Its name belongs to the key that died with it.
      if (pid === second.pid) second = await ExtraProcess.start(house, "runner", `${second.name}-again`);
    });
  }
});

/** At limit 1 nothing of one execution is seen between two signs of another. */
function checkLimit(executions: readonly WatchedExecution[]): void {
  const inOrder = [...executions].sort((a, b) => a.beganMs - b.beganMs);
  for (const [i, { run, step, beganMs }] of inOrder.entries()) {
    const before = inOrder.slice(0, i).find(({ aliveMs }) => aliveMs > beganMs);
    const name = `step ${step} of run ${run}`;
    assert.equal(before, undefined, `${name} began while step ${before?.step} of run ${before?.run} was executing`);
  }
}
