import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";

import { ExtraProcess } from "../harness/extra-process.ts";
import { watchDeploy } from "../harness/package-deploys.ts";
import { house, useHouse } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";

const SOON_MS = 60_000;

async function start(workflow: string, event: unknown): Promise<string> {
  const eventJson = JSON.stringify(event);
  const request = { parent: `workflows/${workflow}`, eventJson, requestId: "", waitTimeout: undefined, priority: 0 };
  return (await house.client.runs.createRun(request)).id;
}

describe("pools, labels and a runner that is drained", () => {
  useHouse();

  it("a run without a fitting runner says why, starts when there is one, and goes on elsewhere behind its checkpoint", async (context) => {
    // What the second step waits for.
    const held: ServerResponse[] = [];
    const server = createServer((_request, response) => void held.push(response)).listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => server.close());
    const { notes } = await watchDeploy(house, {
      name: "labelled",
      trigger: { http: {} },
      settings: { labels: ["zone=eu", "big"], runTimeout: "10m", stepTimeout: "5m" },
      steps: {
        first: "import os\n\ndef handler(pd):\n    return os.getpid()\n",
        second: `import urllib.request

def handler(pd):
    return urllib.request.urlopen(pd.steps["trigger"]["event"]["url"], timeout=200).read().decode()
`,
        third: "def handler(pd):\n    return pd.context['run']['resumed']\n",
      },
    });
    assert.deepEqual(
      notes.map(({ reason }) => reason),
      ["NO_RUNNER_WITH_LABELS"],
    );
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const id = await start("labelled", { url });
    const waiting = await house.getRun(id);
    assert.deepEqual([waiting.state, waiting.wait?.reason], ["PENDING", "NO_RUNNER_WITH_LABELS"]);
    const [pool] = await house.cliJson<{ pool: string; waiting: number }[]>(["pools"]);
    assert.deepEqual([pool?.pool, pool?.waiting], ["default", 1]);

    const labels = { MILLRACE_LABELS: "big,zone=eu", MILLRACE_SLOTS: "2" };
    await using first = await ExtraProcess.start(house, "runner", "first", {
      ...labels,
      MILLRACE_HAND_BACK_AFTER_MS: "0",
    });
    await until(async () => (await house.getRun(id)).steps[0]?.state === "SUCCEEDED", SOON_MS);
    await using _second = await ExtraProcess.start(house, "runner", "second", labels);
    const look = async () => {
      const listed = await house.cliJson<{ runner: string; labels: string[]; state: string }[]>(["runners"]);
      const found = listed.filter(({ runner }) => runner === "first" || runner === "second");
      return found.map(({ runner, labels: has, state }) => `${runner} ${has.join()} ${state}`).join("; ");
    };
    await until(async () => (await look()) === "first big,zone=eu READY; second big,zone=eu READY", SOON_MS);

    const drained = await house.cli(["runners", "drain", "first"]);
    assert.equal(drained.code, 0, drained.stderr);
    await until(() => held.length > 0, SOON_MS);
    held[0]!.end("done");
    assert.equal(await first.ended(), 0, first.log);
    const run = await house.waitRun(id);
    assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
    assert.equal(run.steps[2]?.returnValue, true, "the last step ran elsewhere");
  });
});
