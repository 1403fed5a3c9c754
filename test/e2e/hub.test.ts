import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import { ALL_RUNS, RunSubmitter } from "@millrace/cli";
import { runApi } from "@millrace/protocol";
import { house, restartHouse, useHouse } from "../harness/shared-house.ts";
import { until } from "../harness/until.ts";

describe("a gateway and a scheduler in one process", () => {
  useHouse();

  test("have one health port, with both their checks, and one set of metrics", async () => {
    const { ports } = JSON.parse(await readFile(join(house.data, "house.json"), "utf8")) as {
      ports: { health: { hub: number } };
    };
    const get = (path: string) => fetch(`http://127.0.0.1:${ports.health.hub}${path}`);
    const status = (await (await get("/status")).json()) as Record<string, unknown>;
    assert.equal(status["partitions"], 256);
    assert.equal(status["doors"], "open");
    assert.ok(String(status["gateway"]).startsWith("gateway-") && String(status["scheduler"]).startsWith("scheduler-"));
    const metrics = await (await get("/metrics")).text();
    for (const name of ["millrace_gateway_waiting", "millrace_scheduler_partitions", "millrace_nats_connected"])
      assert.equal(metrics.match(new RegExp(`^${name} `, "gm"))?.length, 1, name);
    assert.match(metrics, /^millrace_build_info\{release="[^"]+",role="hub"\} 1$/m);
  });

  test("write one log, each line with the role that it is of", async () => {
    const text = await readFile(join(house.data, "logs", "hub.log"), "utf8");
    const lines = text.trim().split("\n");
    const roleOf = (event: string): unknown =>
      lines.map((line) => JSON.parse(line) as { event: string; role: string }).find((line) => line.event === event)
        ?.role;
    assert.deepEqual(["gateway.listening", "partitions.taken", "process.ready"].map(roleOf), [
      "gateway",
      "scheduler",
      "hub",
    ]);
  });

  test("die under a stream of submits: its client goes on with another one, nothing is lost and nothing doubled", async () => {
    const step = 'def handler(pd):\n    return pd.steps["trigger"]["event"]\n';
    const { name: parent } = await house.deploy({
      name: "streamed",
      trigger: { http: {} },
      steps: { echo: step },
    });
    const hub = (await house.processes()).find(({ role }) => role === "hub")!.pid!;
    const submitter = new RunSubmitter(house.client.runs);
    const count = 600;
    let answered = 0;
    const submitted = Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const run = await submitter.submit({ parent, eventJson: String(index) });
        if (++answered === count / 3) process.kill(hub, "SIGKILL");
        return run;
      }),
    );
    const names = await submitted;
    submitter.close();
    assert.equal(new Set(names).size, count);
    const listed = new Map<string, runApi.RunState>();
    await until(async () => {
      for (let pageToken = ""; ;) {
        const page = await house.client.runs.listRuns({ ...ALL_RUNS, parent, pageSize: 1_000, pageToken });
        for (const { name, state } of page.runs) listed.set(name, state);
        if ((pageToken = page.nextPageToken) === "") break;
      }
      return [...listed.values()].filter((state) => state === runApi.RunState.SUCCEEDED).length >= count;
    }, 60_000);
    assert.deepEqual([...listed.keys()].toSorted(), names.toSorted());
    assert.notEqual((await house.processes()).find(({ role }) => role === "hub")!.pid, hub);
  });

  test("stop in turn: who waits for a run is answered, and what runs is finished before the scheduler goes", async () => {
    const slow = (seconds: number) => `import time\ndef handler(pd):\n    time.sleep(${seconds})\n`;
    const answering = await house.deploy({
      name: "answering",
      trigger: { http: { respond: "workflow" } },
      steps: { work: `${slow(1)}    pd.respond({'status': 200, 'body': 'in time'})\n` },
    });
    const alone = await house.deploy({ name: "alone", trigger: { http: {} }, steps: { work: slow(2) } });
    const { id } = await house.cliJson<{ id: string }>(["run", alone.displayName, "--no-wait"]);
    const isRunning = async (workflow: string): Promise<boolean> => {
      const { runs } = await house.client.runs.listRuns({ ...ALL_RUNS, parent: `workflows/${workflow}` });
      return runs.some(({ state }) => state === runApi.RunState.RUNNING);
    };
    await until(() => isRunning("alone"));
    const answer = fetch(answering.url, { method: "POST" });
    await until(() => isRunning("answering"));
    await restartHouse();
    assert.equal(await (await answer).text(), "in time");
    const run = await house.getRun(id);
    assert.equal(run.state, "SUCCEEDED");
    assert.deepEqual(
      run.steps[0]?.attempts.map(({ assignment, outcome }) => [assignment, outcome]),
      [[1, "SUCCEEDED"]],
    );
  });
});
