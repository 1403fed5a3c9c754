import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { TestHouse } from "../harness/test-house.ts";

describe("what steps may do and what happens to them", () => {
  let house: TestHouse;

  before(async () => {
    house = await TestHouse.start();
  });
  after(() => house?.stop());

  const trigger = { http: {} };

  test("a step without a handler is a script, run once at its turn", async () => {
    await house.deploy({ name: "script", trigger, steps: { script: "print('as a script')\n" } });
    const run = await house.run("script");
    assert.equal(run.state, "SUCCEEDED");
    assert.deepEqual(
      run.steps[0]?.logs.map(({ text }) => text),
      ["as a script"],
    );
  });

  test("a script runs again in the next run", async () => {
    await house.deploy({ name: "script-again", trigger, steps: { script: "print('ran')\n" } });
    for (let n = 0; n < 3; n++) {
      const run = await house.run("script-again");
      assert.deepEqual(
        run.steps[0]?.logs.map(({ text }) => text),
        ["ran"],
      );
    }
  });

  test("an async handler is awaited", async () => {
    const source =
      "import asyncio\nasync def handler(pd):\n    await asyncio.sleep(0.01)\n    return {'awaited': True}\n";
    await house.deploy({ name: "async", trigger, steps: { work: source } });
    assert.deepEqual((await house.run("async")).steps[0]?.returnValue, { awaited: true });
  });

  test("pd.flow.exit ends the run at that line, past `except Exception`, with its reason", async () => {
    await house.deploy({
      name: "exiting",
      trigger,
      steps: {
        first:
          "def handler(pd):\n    try:\n        pd.flow.exit('enough')\n    except Exception:\n        print('caught')\n    print('behind')\n",
        second: "def handler(pd):\n    print('never')\n",
      },
    });
    const run = await house.run("exiting");
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(run.exitReason, "enough");
    assert.deepEqual(
      run.steps.map(({ state }) => state),
      ["SUCCEEDED", "SKIPPED"],
    );
    assert.deepEqual(run.steps[0]?.logs, []);
  });

  test("`return pd.flow.exit()` works as well", async () => {
    await house.deploy({
      name: "exiting-return",
      trigger,
      steps: { first: "def handler(pd):\n    return pd.flow.exit('why')\n", second: "print('never')\n" },
    });
    const run = await house.run("exiting-return");
    assert.equal(run.exitReason, "why");
    assert.equal(run.steps[1]?.state, "SKIPPED");
  });

  test("values pass from step to step unchanged", async () => {
    const event =
      '{"big": 12345678901234567890, "text": "\\u0000 grüße \\ud83c\\udf31", "deep": [[[{"a": null}]]], "f": 1.0}';
    await house.deploy({
      name: "passing",
      trigger,
      steps: {
        first: "def handler(pd):\n    pd.export('event', dict(pd.steps['trigger']['event']))\n    return 1\n",
        second:
          "def handler(pd):\n    got = pd.steps['first']['event']\n    return {'same': got == dict(pd.steps['trigger']['event']), 'big': got['big'] == 12345678901234567890, 'return': pd.steps['first']['$return_value']}\n",
      },
    });
    const run = await house.run("passing", event);
    assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
    assert.deepEqual(run.steps[1]?.returnValue, { same: true, big: true, return: 1 });
    assert.ok(JSON.stringify(run.steps[0]?.exports).includes("12345678901234567890"));
  });

  test("a value that is no JSON fails its step with a message", async () => {
    await house.deploy({ name: "not-json", trigger, steps: { work: "def handler(pd):\n    return {1, 2, 3}\n" } });
    const run = await house.run("not-json");
    assert.equal(run.state, "FAILED");
    assert.match(run.failure?.message ?? "", /set/);
  });

  test("environment variables reach steps; a secret value is masked in the log", async () => {
    await house.cliJson(["env", "set", "API_TOKEN"], { stdin: "s3cr3t-value-of-mine\n" });
    await house.cliJson(["env", "set", "REGION", "eu-west", "--plain"]);
    await house.deploy({
      name: "environment",
      trigger,
      steps: {
        work: "import os\ndef handler(pd):\n    print('token is', os.environ['API_TOKEN'])\n    print('region is', os.environ['REGION'])\n    return len(os.environ['API_TOKEN'])\n",
      },
    });
    const run = await house.run("environment");
    assert.equal(run.steps[0]?.returnValue, "s3cr3t-value-of-mine".length, JSON.stringify(run.failure));
    const text = JSON.stringify(run);
    assert.ok(!text.includes("s3cr3t-value-of-mine"), text);
    assert.ok(text.includes("region is eu-west"));
    const list = await house.cli(["env", "list"]);
    assert.ok(!list.stdout.includes("s3cr3t"));
    assert.ok(list.stdout.includes("eu-west"));
    await house.cliJson(["env", "unset", "REGION"]);
    assert.equal((await house.run("environment")).failure?.type, "KeyError");
  });

  test("a step over its time limit fails with the cause", async () => {
    await house.deploy({
      name: "step-timeout",
      trigger,
      steps: { sleeper: "import time\ndef handler(pd):\n    time.sleep(60)\n" },
      settings: { stepTimeout: "1s" },
    });
    const run = await house.run("step-timeout");
    assert.equal(run.state, "FAILED");
    assert.equal(run.failure?.step, "sleeper");
    assert.match(`${run.failure?.type} ${run.failure?.message}`, /[Tt]ime/);
  });

  test("a run over its time limit fails with the cause", async () => {
    const sleeper = "import time\ndef handler(pd):\n    time.sleep(60)\n";
    await house.deploy({
      name: "run-timeout",
      trigger,
      steps: { a: "def handler(pd):\n    return 1\n", b: sleeper },
      settings: { runTimeout: "2s" },
    });
    const run = await house.run("run-timeout");
    assert.equal(run.state, "FAILED");
    assert.match(`${run.failure?.type} ${run.failure?.message}`, /[Tt]ime/);
    assert.equal(run.steps[0]?.state, "SUCCEEDED");
  });

  test("a step over its memory limit fails with the cause, and the next run is untouched", async () => {
    await house.deploy({
      name: "memory",
      trigger,
      steps: { hog: "def handler(pd):\n    keep = []\n    while True:\n        keep.append(bytearray(10_000_000))\n" },
      settings: { memory: "128MiB" },
    });
    const run = await house.run("memory");
    assert.equal(run.state, "FAILED");
    assert.match(`${run.failure?.type} ${run.failure?.message}`, /[Mm]emory/);
    await house.deploy({ name: "untouched", trigger, steps: { work: "print('fine')\n" } });
    assert.equal((await house.run("untouched")).state, "SUCCEEDED");
  });

  test("os._exit ends its own step with a clear error", async () => {
    await house.deploy({
      name: "exit-hard",
      trigger,
      steps: { work: "import os\ndef handler(pd):\n    os._exit(1)\n" },
    });
    const run = await house.run("exit-hard");
    assert.equal(run.state, "FAILED");
    assert.match(run.failure?.message ?? "", /exit/);
  });

  test("prints, logging and what C code writes arrive as lines while the step runs", async () => {
    await house.deploy({
      name: "logging",
      trigger,
      steps: {
        work: "import logging, os, sys\ndef handler(pd):\n    print('out')\n    print('err', file=sys.stderr)\n    logging.warning('warned')\n    os.write(1, b'raw\\n')\n",
      },
    });
    const lines = (await house.run("logging")).steps[0]?.logs ?? [];
    const of = (stream: string): string =>
      lines
        .filter((line) => line.stream === stream)
        .map(({ text }) => text)
        .join("\n");
    assert.match(of("stdout"), /out\nraw/);
    assert.match(of("stderr"), /err\n.*warned/);
  });

  test("a log of many lines is read to its last line", async () => {
    await house.deploy({
      name: "chatty",
      trigger,
      steps: { work: "def handler(pd):\n    for n in range(30000):\n        print(n)\n" },
    });
    const { id } = await house.run("chatty");
    const run = await house.cliJson<{ steps: { logs: { text: string }[] }[] }>(["runs", id]);
    const lines = run.steps[0]?.logs.map(({ text }) => text);
    assert.equal(lines?.length, 30_000);
    assert.deepEqual([lines?.[0], lines?.at(-1)], ["0", "29999"]);
  });

  test("a disabled workflow is 404 for its trigger and refused for calls, and comes back", async () => {
    const { url } = await house.deploy({ name: "switched", trigger, steps: { work: "print('on')\n" } });
    await house.cliJson(["disable", "switched"]);
    assert.equal((await fetch(url)).status, 404);
    const refused = await house.cli(["run", "switched", "--json"]);
    assert.equal(refused.code, 7);
    assert.equal((refused.json as { error: { reason: string } }).error.reason, "WORKFLOW_DISABLED");
    await house.cliJson(["enable", "switched"]);
    assert.equal((await fetch(url)).status, 200);
  });

  test("a run that was cancelled ends as cancelled with its reason", async () => {
    await house.deploy({
      name: "long",
      trigger,
      steps: { work: "import time\ndef handler(pd):\n    time.sleep(25)\n" },
    });
    const started = await house.client.runs.createRun({
      parent: "workflows/long",
      eventJson: "{}",
      requestId: "",
      waitTimeout: undefined,
    });
    const run = await house.cliJson<{ state: string; exitReason: string }>([
      "cancel",
      started.id,
      "--reason",
      "changed my mind",
    ]);
    assert.equal(run.state, "CANCELLED");
    assert.equal(run.exitReason, "changed my mind");
  });

  test("a replay runs the same version on the same event from the start", async () => {
    const source = (label: string): string =>
      `def handler(pd):\n    return {'version': '${label}', 'n': pd.steps['trigger']['event']['n'], 'replay': pd.steps['trigger']['context']['replay']}\n`;
    await house.deploy({ name: "replayed", trigger, steps: { work: source("old") } });
    const first = await house.run("replayed", { n: 7 });
    await house.deploy({ name: "replayed", trigger, steps: { work: source("new") } });
    const again = await house.cliJson<{ id: string; replayOf: string; steps: { returnValue: unknown }[] }>([
      "replay",
      first.id,
    ]);
    assert.notEqual(again.id, first.id);
    assert.equal(again.replayOf, first.id);
    assert.deepEqual(again.steps[0]?.returnValue, { version: "old", n: 7, replay: true });
  });

  test("an idempotency key makes a second call the same run", async () => {
    await house.deploy({ name: "once", trigger, steps: { work: "print('once')\n" } });
    const request = {
      parent: "workflows/once",
      eventJson: "{}",
      requestId: "key-1",
      waitTimeout: { seconds: 30, nanos: 0 },
    };
    const first = await house.client.runs.createRun(request);
    const second = await house.client.runs.createRun(request);
    assert.equal(second.id, first.id);
  });
});
