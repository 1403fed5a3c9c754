import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { DEATHS_MAX } from "@millrace/core";
import { runApi } from "@millrace/protocol";
import { TestHouse } from "../harness/test-house.ts";
import { TestSite } from "../harness/test-site.ts";
import { until } from "../harness/until.ts";

/** Code that takes its environment along, at import and in the step. */
const POISON = {
  "exits-at-import": "import os\n\nos._exit(3)\n",
  segfaults: "import ctypes\n\n\ndef handler(pd):\n    ctypes.string_at(0)\n",
  "kills-itself": "import os, signal\n\n\ndef handler(pd):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
};

const LONG = `
import time


def handler(pd):
    print("begun")
    time.sleep(600)
`;

const SOMETIMES = `
def handler(pd):
    if pd.steps["trigger"]["event"].get("bad"):
        raise KeyError("bad")
    return pd.steps["trigger"]["context"].get("replay_of")
`;

const FIRST = "def handler(pd):\n    return 1\n";

const askAt = (url: string): string => `
import urllib.request


def handler(pd):
    return urllib.request.urlopen("${url}/work", timeout=60).read().decode()
`;

interface Listed {
  readonly id: string;
  readonly failure: { readonly type: string } | null;
}

describe("dead letters", () => {
  let house: TestHouse;
  before(async () => (house = await TestHouse.start({ environment: { MILLRACE_REPLAYS_PER_SECOND: "200" } })));
  after(() => house?.stop());

  const letters = (...more: string[]): Promise<Listed[]> => house.cliJson<Listed[]>(["dead-letters", "list", ...more]);

  async function start(workflow: string, event: unknown = {}): Promise<string> {
    const request = { parent: `workflows/${workflow}`, eventJson: JSON.stringify(event), requestId: "" };
    return (await house.client.runs.createRun({ ...request, waitTimeout: undefined, priority: undefined })).id;
  }

  async function ended(id: string): Promise<runApi.Run> {
    await house.waitRun(id);
    return house.client.runs.getRun({ name: `workflows/-/runs/${id}` });
  }

  for (const [name, source] of Object.entries(POISON)) {
    test(`have what ${name}, with its cause, and other runs go on`, async () => {
      await house.deploy({ name, trigger: { http: {} }, steps: { work: source } });
      const id = await start(name);
      assert.equal((await ended(id)).state, runApi.RunState.FAILED);
      const [listed] = await letters(name);
      assert.equal(listed?.id, id);
      assert.notEqual(listed.failure?.type ?? "", "");
      assert.deepEqual(
        (await letters(name, "--text", listed.failure!.type)).map((letter) => letter.id),
        [id],
      );
    });
  }

  test("have a run whose worker dies under it again and again", async () => {
    await house.deploy({
      name: "deadly",
      trigger: { http: {} },
      steps: { work: LONG },
      settings: { stepTimeout: "15m", runTimeout: "15m" },
    });
    const id = await start("deadly");
    const killed = new Set<number>();
    await until(async () => {
      const run = await house.getRun(id);
      if (run.state === "FAILED") return true;
      const worker = (await house.processes()).find(({ role }) => role === "worker")?.pid;
      if (typeof worker !== "number" || killed.has(worker)) return false;
      // A worker that dies before the run has begun in it costs the run no try.
      const lines = [...run.logs, ...run.steps.flatMap(({ logs }) => logs)];
      const begun = lines.filter(({ text }) => text === "begun").length;
      if (begun <= killed.size) return false;
      killed.add(worker);
      process.kill(worker, "SIGKILL");
      return false;
    }, 120_000);
    const [listed] = await letters("deadly");
    assert.deepEqual([listed?.id, listed?.failure?.type], [id, "EnvironmentDied"]);
    assert.equal(killed.size, DEATHS_MAX);
    const [step] = (await ended(id)).steps;
    assert.deepEqual(
      step!.attempts.map(({ outcome }) => outcome),
      Array.from({ length: DEATHS_MAX }, () => runApi.StepAttemptOutcome.WORKER_DIED),
      "what gave the run up was no attempt",
    );
  });

  test("are not what survives two deaths of its worker: its attempts tell of them, with their times", async () => {
    const site = await TestSite.start();
    try {
      await house.deploy({ name: "survivor", trigger: { http: {} }, steps: { before: FIRST, work: askAt(site.url) } });
      let requests = 0;
      site.route("/work", (_request, response) => void ((requests += 1) > 2 && response.end("done")));
      const id = await start("survivor");
      for (const count of [1, 2]) {
        await until(() => requests === count, 30_000);
        process.kill((await house.processes()).find(({ role }) => role === "worker")!.pid!, "SIGKILL");
      }
      const run = await ended(id);
      assert.equal(run.state, runApi.RunState.SUCCEEDED);
      const [before, work] = run.steps;
      assert.deepEqual(
        [before!.attempts.length, before!.attempts[0]?.outcome],
        [1, runApi.StepAttemptOutcome.SUCCEEDED],
      );
      const { WORKER_DIED, SUCCEEDED } = runApi.StepAttemptOutcome;
      const told = work!.attempts.map(({ number, assignment, outcome }) => [number, assignment, outcome]);
      const expected = [
        [1, 1, WORKER_DIED],
        [2, 2, WORKER_DIED],
        [3, 3, SUCCEEDED],
      ];
      assert.deepEqual(told, expected);
      assert.ok(work!.attempts.slice(0, 2).every(({ runner }) => runner !== ""));
      const times = work!.attempts.flatMap(({ startTime, endTime }) => [startTime!.getTime(), endTime!.getTime()]);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
        "one after the other",
      );
      assert.ok(times[0]! >= before!.endTime!.getTime() && times.at(-1)! <= run.endTime!.getTime());
      const { stdout } = await house.cli(["runs", id]);
      assert.match(stdout, /work +1 .*worker died.*\n *work +2 .*worker died.*\n *work +3 .*succeeded/);
    } finally {
      site.stop();
    }
  });

  test("are replayed once, however often that is asked for, by a run that names them", async () => {
    await house.deploy({ name: "sometimes", trigger: { http: {} }, steps: { work: SOMETIMES } });
    const bad = await start("sometimes", { bad: true });
    await ended(bad);
    await house.deploy({ name: "sometimes", trigger: { http: {} }, steps: { work: SOMETIMES } });
    const name = `workflows/sometimes/runs/${bad}`;
    const replays = await Promise.all([1, 2, 3].map(() => house.client.deadLetters.replayDeadLetter({ name })));
    replays.push(await house.client.deadLetters.replayDeadLetter({ name }));
    assert.equal(new Set(replays.map(({ id }) => id)).size, 1);
    const replay = await ended(replays[0]!.id);
    assert.equal((await house.client.runs.getRun({ name: replay.name })).replayOf.split("/").at(-1), bad);
    assert.deepEqual(
      (await letters("sometimes")).map(({ id }) => id),
      [replay.id],
      "the replay has failed in its turn",
    );
    assert.equal((await house.client.runs.getRun({ name })).state, runApi.RunState.FAILED, "history keeps it");
    const again = await house.cli(["dead-letters", "discard", bad, "--json"]);
    assert.equal((again.json as { error: { reason: string } }).error.reason, "DEAD_LETTER_REPLAYED");
    await house.cliJson(["dead-letters", "discard", replay.id]);
    await house.cliJson(["dead-letters", "discard", replay.id]);
    assert.deepEqual(await letters("sometimes"), []);
    const good = await start("sometimes");
    await ended(good);
    const refused = await house.cli(["dead-letters", "replay", good, "--json"]);
    assert.equal((refused.json as { error: { reason: string } }).error.reason, "NOT_A_DEAD_LETTER");
  });
});
