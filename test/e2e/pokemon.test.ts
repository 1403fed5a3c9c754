import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { RunDocument } from "@millrace/cli";
import { TestHouse, writeFolder } from "../harness/test-house.ts";

const bulbasaur = '{"id":1,"name":"Bulbasaur","type":"plant"}';

interface DeployedDocument {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly triggers: readonly { readonly kind: string; readonly url: string }[];
}

describe("the first workflow, from files to an answer", () => {
  let house: TestHouse;
  let scratch: string;
  let deployed: DeployedDocument;

  before(async () => {
    house = await TestHouse.start();
    scratch = await mkdtemp(join(tmpdir(), "millrace-e2e-"));
    deployed = await house.cliJson<DeployedDocument>(["deploy", "examples/pokemon"]);
  });
  after(async () => {
    await house?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  test("deploying tells the version and the address of the trigger", () => {
    assert.equal(deployed.name, "pokemon");
    assert.equal(deployed.version, 1);
    assert.equal(deployed.triggers[0]?.kind, "http");
    assert.ok(deployed.triggers[0]?.url.startsWith(`${house.url}/t/`), deployed.triggers[0]?.url);
  });

  test("a posted Pokémon is answered by the second step from what the first one made", async () => {
    const response = await fetch(deployed.triggers[0]?.url ?? "", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: bulbasaur,
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-pokemon"), "#0001");
    assert.deepEqual(await response.json(), {
      pokemon: { number: "#0001", name: "BULBASAUR", type: "plant" },
      advice: "keep it away from fire",
    });
  });

  test("runs and logs show the run, its steps with times, its prints and its trace id", async () => {
    const [newest] = await house.cliJson<RunDocument[]>(["runs", "--workflow", "pokemon", "--limit", "1"]);
    assert.ok(newest);
    const run = await house.cliJson<RunDocument>(["runs", newest.id]);
    assert.equal(run.state, "SUCCEEDED");
    assert.match(run.traceId, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      run.steps.map(({ name, state }) => [name, state]),
      [
        ["transform", "SUCCEEDED"],
        ["answer", "SUCCEEDED"],
      ],
    );
    for (const step of run.steps) {
      assert.ok(
        step.startTime !== null && step.endTime !== null && step.startTime <= step.endTime,
        JSON.stringify(step),
      );
    }
    assert.deepEqual(run.steps[0]?.exports, { advice: "keep it away from fire" });
    assert.deepEqual(
      run.steps.map((step) => step.logs.map(({ stream, text }) => [stream, text])),
      [[["stdout", "caught Bulbasaur, type plant"]], [["stdout", "answering for BULBASAUR"]]],
    );
    const { stdout } = await house.cli(["logs", newest.id]);
    assert.match(stdout, /transform.* caught Bulbasaur/);
    const shown = await house.cli(["runs", newest.id]);
    assert.ok(shown.stdout.includes(run.traceId));
  });

  test("the smallest example answers as well", async () => {
    const { triggers } = await house.cliJson<DeployedDocument>(["deploy", "examples/hello"]);
    const response = await fetch(`${triggers[0]?.url}`, { method: "POST" });
    assert.equal(await response.text(), "Hello, world!\n");
  });

  test("a second deploy keeps the address and raises the version", async () => {
    const again = await house.cliJson<DeployedDocument>(["deploy", "examples/pokemon"]);
    assert.equal(again.version, 2);
    assert.deepEqual(again.triggers, deployed.triggers);
    assert.equal(again.id, deployed.id);
  });

  test("run waits for the end and prints the run with every step", async () => {
    const run = await house.cliJson<RunDocument>(["run", "pokemon", "--event", bulbasaur]);
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(run.failure, null);
    assert.deepEqual(run.event, JSON.parse(bulbasaur));
    assert.deepEqual(run.steps[0]?.returnValue, { number: "#0001", name: "BULBASAUR", type: "plant" });
  });

  test("the event may come from stdin and from a file", async () => {
    const fromStdin = await house.cliJson<RunDocument>(["run", "pokemon", "--event", "-"], { stdin: bulbasaur });
    assert.equal(fromStdin.state, "SUCCEEDED");
    await writeFolder(scratch, { "event.json": bulbasaur });
    const fromFile = await house.cliJson<RunDocument>(["run", "pokemon", "--event", `@${join(scratch, "event.json")}`]);
    assert.equal(fromFile.state, "SUCCEEDED");
  });

  test("a raise in the second step shows its traceback as the last entry, and the first step's exports stay", async () => {
    const folder = await writeFolder(join(scratch, "failing"), {
      "workflow.yaml":
        "name: failing\ntrigger: {http: {}}\nsteps: [{name: first, python: a.py}, {name: second, python: b.py}, {name: third, python: a.py}]\n",
      "a.py": "def handler(pd):\n    pd.export('kept', [1, 2, 3])\n    return 'returned'\n",
      "b.py": "def inner():\n    raise KeyError('missing')\n\ndef handler(pd):\n    print('before')\n    inner()\n",
    });
    await house.cliJson(["deploy", folder]);
    const outcome = await house.cli(["run", "failing", "--json"]);
    assert.equal(outcome.code, 6);
    const run = outcome.json as RunDocument;
    assert.equal(run.state, "FAILED");
    assert.equal(run.failure?.step, "second");
    assert.equal(run.failure?.line, 2);
    assert.equal(run.failure?.type, "KeyError");
    assert.match(run.failure?.message ?? "", /missing/);
    assert.match(run.failure?.traceback ?? "", /line 6, in handler[\s\S]*line 2, in inner[\s\S]*KeyError: 'missing'/);
    assert.deepEqual(
      run.steps.map(({ state }) => state),
      ["SUCCEEDED", "FAILED", "SKIPPED"],
    );
    assert.deepEqual(run.steps[0]?.exports, { kept: [1, 2, 3] });
    assert.equal(run.steps[0]?.returnValue, "returned");
    const last = run.steps[1]?.logs.at(-1);
    assert.equal(last?.stream, "error");
    assert.match(last?.text ?? "", /KeyError: 'missing'/);
  });
});
