import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runApi } from "@millrace/protocol";
import { WHOLE_REPLAY } from "../harness/requests.ts";
import { eventsOf } from "../harness/server-events.ts";
import { deploySteps, house, linesOf, useHouse } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";

useHouse();

interface WatchedRun {
  readonly id: string;
  readonly state: string;
}

interface Watched {
  readonly runs: readonly WatchedRun[];
  readonly left: readonly string[];
  readonly relist: boolean;
  readonly cursor: string;
}

/** Watches runs over HTTP and gathers what comes. */
async function watch(query: string, lastEventId = "") {
  const stop = new AbortController();
  const headers = { "last-event-id": lastEventId };
  const response = await house.ask(`workflows/-/runs:watch?${query}`, { headers, signal: stop.signal });
  const events = eventsOf<Watched>(response);
  const all: Watched[] = [(await events.next()).value as Watched];
  const reading = (async () => {
    for await (const event of events) all.push(event);
  })().catch((thrown: unknown) => {
    if (!stop.signal.aborted) throw thrown;
  });
  const close = async () => {
    stop.abort();
    await reading;
  };
  return { all, close };
}

/** A run's name, as the API has it. */
const nameOf = ({ id, workflowId }: { readonly id: string; readonly workflowId: string }): string =>
  `workflows/${workflowId}/runs/${id}`;

const replayRequest = { ...WHOLE_REPLAY, waitTimeout: { seconds: 60, nanos: 0 } };

describe("the list of runs", () => {
  test("is kept up to date for all who watch it, by their filters, and behind a loss", async () => {
    const slow = await deploySteps("import time\ndef handler(pd):\n    time.sleep(0.7)\n    return 1\n");
    const broken = await deploySteps("def handler(pd):\n    raise ValueError('no such pikachu')\n");
    const all = await watch("");
    const failed = await watch(`states=RUN_STATE_FAILED&text=PIKACHU`);
    const ofSlow = await house.ask(`workflows/${slow.id}/runs:watch?states=RUN_STATE_PENDING&states=RUN_STATE_RUNNING`);
    const live = eventsOf<Watched>(ofSlow);
    await live.next();
    assert.deepEqual(all.all[0]!.runs, []);
    const started = await house.client.runs.createRun({
      ...{ parent: slow.name, eventJson: "", requestId: "", waitTimeout: undefined },
    });
    const first = (await live.next()).value as Watched;
    assert.deepEqual(
      first.runs.map(({ id }) => id),
      [started.id],
    );
    for (let gone = first; !gone.left.includes(started.name); gone = (await live.next()).value as Watched);
    await live.return(undefined);
    const bad = await house.run(broken.displayName);
    const last = (id: string, { all: of }: { all: readonly Watched[] }) =>
      of.flatMap(({ runs }) => runs).findLast((run) => run.id === id)?.state;
    await until(() => last(started.id, all) === "RUN_STATE_SUCCEEDED" && last(bad.id, all) === "RUN_STATE_FAILED");
    await until(() => last(bad.id, failed) === "RUN_STATE_FAILED");
    assert.equal(last(started.id, failed), undefined);
    await Promise.all([all.close(), failed.close()]);

    const cursor = all.all.at(-1)!.cursor;
    const missed = await house.run(broken.displayName);
    const back = await watch("", cursor);
    assert.equal(back.all[0]!.relist, false);
    // It ended while nobody watched, and will not change again.
    await until(() => last(missed.id, back) === "RUN_STATE_FAILED");
    await back.close();
    const stranger = await watch("", "0123456789ab.7");
    assert.equal(stranger.all[0]!.relist, true, "a cursor that nobody knows");
    await stranger.close();
  });
});

describe("a replay", () => {
  const fetchStep = `
import os, pathlib
def handler(pd):
    print("fetching")
    pathlib.Path("/tmp/kept").write_text("from fetch")
    pd.export("seen", pd.steps["trigger"]["event"]["n"])
    return {"n": pd.steps["trigger"]["event"]["n"], "big": "x" * 400_000}
`;
  const sendStep = `
def handler(pd):
    fetched = pd.steps["fetch"]
    n = pd.steps["trigger"]["event"]["n"]
    if n == 1:
        raise ValueError("not with 1")
    return [fetched["seen"], fetched["$return_value"]["n"], len(fetched["$return_value"]["big"]), n]
`;

  test("begins at a step with what the steps above gave, with another event, and says what it took over", async () => {
    const { name, displayName } = await deploySteps({ fetch: fetchStep, send: sendStep });
    const failed = await house.run(displayName, { n: 1 });
    assert.equal(failed.state, "FAILED");
    const again = await house.client.runs.replayRun(
      { ...replayRequest, name: nameOf(failed), fromStep: "send", eventJson: '{"n": 2}' },
      { deadlineMs: 90_000 },
    );
    assert.equal(again.state, runApi.RunState.SUCCEEDED, again.failure?.traceback);
    assert.deepEqual(JSON.parse(again.steps[1]!.returnValueJson!), [1, 1, 400_000, 2]);
    assert.deepEqual(
      again.steps.map(({ takenOverFrom }) => takenOverFrom),
      [nameOf(failed), ""],
    );
    assert.deepEqual([again.replayOf, again.replayStep], [nameOf(failed), "send"]);
    assert.ok(again.startTime! >= again.createTime!, "what it took over began long before, it did not");
    assert.deepEqual(linesOf(await house.getRun(again.id)), [], "the step above did not run");

    const whole = await house.client.runs.replayRun(
      { ...replayRequest, name: nameOf(failed), eventJson: '{"n": 3}' },
      { deadlineMs: 90_000 },
    );
    assert.deepEqual(JSON.parse(whole.steps[1]!.returnValueJson!), [3, 3, 400_000, 3]);

    // A replay of the replay names the run that the step really ran in.
    const third = await house.client.runs.replayRun(
      { ...replayRequest, name: again.name, fromStep: "send" },
      { deadlineMs: 90_000 },
    );
    assert.deepEqual(
      third.steps.map(({ takenOverFrom }) => takenOverFrom),
      [nameOf(failed), ""],
    );

    await house.deploy({
      name: displayName,
      trigger: { http: {} },
      steps: { fetch: fetchStep, send: "def handler(pd):\n    return 'new'\n" },
    });
    const newest = await house.client.runs.replayRun(
      { ...replayRequest, name: nameOf(failed), fromStep: "send", newestVersion: true },
      { deadlineMs: 90_000 },
    );
    assert.deepEqual([newest.steps[1]!.returnValueJson, newest.version], ['"new"', 2]);
    await house.deploy({ name: displayName, trigger: { http: {} }, steps: { get: fetchStep, send: sendStep } });
    const reasonOf = (given: Partial<runApi.ReplayRunRequest>) =>
      house.client.runs.replayRun({ ...replayRequest, name: nameOf(failed), ...given }).then(
        () => "nothing",
        ({ reason }: { reason: string }) => reason,
      );
    assert.equal(await reasonOf({ fromStep: "send", newestVersion: true }), "STEPS_DIFFER");
    assert.equal(await reasonOf({ fromStep: "nobody" }), "STEP_NOT_FOUND");
    assert.equal(await reasonOf({ eventJson: "{broken" }), "INVALID_EVENT");
    const early = await deploySteps({ one: "def handler(pd):\n    raise ValueError()\n", two: "" });
    const stuck = await house.run(early.displayName);
    assert.equal(await reasonOf({ name: nameOf(stuck), fromStep: "two" }), "STEP_NOT_DONE");
    assert.notEqual(name, early.name);
  });
});

describe("a data store as a file", () => {
  const bringIn = (body: string): Promise<Response> =>
    house.ask("dataStores/files:import", { method: "POST", headers: { "content-type": "text/plain" }, body });

  test("comes out as it was written and goes in again, whatever is in it", async () => {
    const lines = Array.from(
      { length: 1_200 },
      (_, n) => `{"key":"k${String(n).padStart(5, "0")}","value":{"n":${n}.10}}`,
    );
    const odd = [
      String.raw`{"value": 12345678901234567890.50 ,"key":"a \"quote\", {brace}"}`,
      String.raw`{ "key" : "ünï\n" , "value" : ["}",{"value":1}] , "expireTime" : "2099-01-01T00:00:00.000Z" }`,
      `{"key":"gone","value":1,"expireTime":"2001-01-01T00:00:00Z"}`,
    ];
    const imported = await bringIn([...odd, "", ...lines].join("\n"));
    assert.deepEqual([imported.status, await imported.json()], [200, { importedCount: "1202", expiredCount: "1" }]);
    const exported = await house.ask("dataStores/files:export");
    assert.match(exported.headers.get("content-disposition") ?? "", /attachment/);
    const text = await exported.text();
    const [first, ...rest] = text.trimEnd().split("\n");
    assert.equal(first, String.raw`{"key":"a \"quote\", {brace}","value":12345678901234567890.50}`);
    const [, value, end] = /^(.*),"expireTime":"(.*)"\}$/.exec(rest.at(-1)!) ?? [];
    assert.equal(value, String.raw`{"key":"ünï\n","value":["}",{"value":1}]`);
    assert.ok(Math.abs(Date.parse(end!) - Date.parse("2099-01-01")) < 10_000, end);
    assert.deepEqual(rest.slice(0, -1), lines);
    const some = await (await house.ask("dataStores/files:export?prefix=k0119")).text();
    assert.equal(some.split("\n").length, 11);
    const bad = await bringIn(`${lines[0]}\n{"key":"x"}\n`);
    const { error } = (await bad.json()) as {
      error: { details: { reason: string; metadata: Record<string, string> }[] };
    };
    const [{ reason, metadata } = { reason: "", metadata: {} }] = error.details;
    const { line, imported: written } = metadata;
    assert.deepEqual([bad.status, reason, line, written], [400, "INVALID_RECORD", "2", "0"]);
  });
});

describe("a dashboard", () => {
  test("has its series from the house itself, within seconds of what happened", async () => {
    const { id, displayName } = await deploySteps("def handler(pd):\n    return 1\n");
    await house.run(displayName);
    interface Answer {
      readonly total: { succeededCount: string; acceptedCount: string; duration?: { p50: string } };
      readonly pools: readonly { pool: string; points: readonly { memoryBytesMax: string; slotCount: number }[] }[];
      readonly runners: readonly unknown[];
    }
    const read = async (query: string) => (await (await house.ask(`series?${query}`)).json()) as Answer;
    await until(async () => (await read(`workflow=workflows/${id}`)).total.succeededCount === "1", 30_000);
    const own = await read(`workflow=workflows/${displayName}`);
    assert.equal(own.total.acceptedCount, "1");
    assert.ok(Number.parseFloat(own.total.duration!.p50) > 0, own.total.duration!.p50);
    assert.deepEqual(own.pools, []);
    await until(async () => {
      const last = (await read("pool=pools/default")).pools[0]?.points.at(-1);
      // A runner, its worker and environments.
      return Number(last?.memoryBytesMax) > 50_000_000 && (last?.slotCount ?? 0) > 0;
    });
    assert.equal((await house.ask("series?workflow=workflows/x&pool=pools/y")).status, 400);
    assert.equal((await house.ask("series?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z")).status, 400);
  });
});

describe("a test of a step", () => {
  test("tells how much memory it took, as the kernel counts it", async () => {
    const { id } = await deploySteps("def handler(pd):\n    return len(bytearray(64 << 20))\n");
    const response = await house.ask(`workflows/${id}/draft:test`, { method: "POST", body: "{}" });
    const messages: { tests: readonly { result: { peakMemoryBytes: string } }[] }[] = [];
    for await (const message of eventsOf<(typeof messages)[number]>(response)) messages.push(message);
    const [tested] = messages.at(-1)!.tests;
    assert.ok(Number(tested!.result.peakMemoryBytes) > 64 << 20, tested!.result.peakMemoryBytes);
  });
});
