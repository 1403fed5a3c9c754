import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { deploySteps, house, restartHouse, useHouse, valueOf } from "../harness/shared-house.ts";
import { TestSite } from "../harness/test-site.ts";
import { until } from "../harness/until.ts";

const FILE = Buffer.from("millrace ".repeat(600_000)).subarray(0, 5_000_000);
const digest = createHash("sha256").update(FILE).digest("hex");

const SAVE = `
def handler(pd):
    with open("/tmp/report.bin", "wb") as file:
        file.write((b"millrace " * 600_000)[:5_000_000])
    pd.export("text", "x" * 3_000_000)
`;
/** Asks the site and waits: the test answers, or ends what holds the run. */
const waitAt = (url: string): string => `
import urllib.request
def handler(pd):
    return urllib.request.urlopen("${url}", timeout=60).read().decode()
`;
const READ = `
import hashlib
def handler(pd):
    with open("/tmp/report.bin", "rb") as file:
        return [hashlib.sha256(file.read()).hexdigest(), pd.context["run"]["resumed"], len(pd.steps["save"]["text"])]
`;

const POSTED = 'def handler(pd):\n    return pd.steps["wait"]["$resume_data"]\n';

describe("what a run has in /tmp", () => {
  let site: TestSite;
  useHouse({ environment: { MILLRACE_TMP_SAVED_BYTES_MAX: String(6 * 1024 ** 2) } });
  before(async () => {
    site = await TestSite.start();
  });
  after(() => site?.stop());

  /** Starts a run of these steps and kills the runner at its first request to the site; the second one is answered. */
  async function runThroughDeath(steps: Record<string, string>, path: string) {
    const asked = Promise.withResolvers<void>();
    let requests = 0;
    site.route(path, (_request, response) => {
      requests += 1;
      if (requests === 1) asked.resolve();
      else response.end("go on");
    });
    const { url } = await deploySteps(steps, { trigger: { http: { respond: "immediate" } } });
    const response = await fetch(url);
    const run = response.headers.get("millrace-run") ?? "";
    await response.arrayBuffer();
    await asked.promise;
    const runner = (await house.processes()).find(({ role }) => role === "runner");
    assert.ok(typeof runner?.pid === "number");
    process.kill(runner.pid, "SIGKILL");
    return house.waitRun(run);
  }

  /** The clock goes on while nothing lives: for what is kept, that is the same as having begun earlier. */
  async function passTime(interval: string): Promise<void> {
    const database = await house.connectDatabase();
    await database.query("UPDATE runs SET wake_time = wake_time - $1::interval", [interval]);
    await database.query("UPDATE object_retainers SET retain_time = retain_time - $1::interval", [interval]);
    await database.query("UPDATE objects SET unretained_time = unretained_time - $1::interval", [interval]);
    await database.end();
  }

  test("is there again after its runner has died between two steps, and so are large exports", async () => {
    const steps = { save: SAVE, wait: waitAt(`${site.url}/saved`), read: READ };
    const run = await runThroughDeath(steps, "/saved");
    assert.deepEqual(valueOf(run), [digest, true, 3_000_000]);
    assert.equal(site.requests.filter(({ path }) => path === "/saved").length, 2, "the step in between ran again");
  });

  test("is empty when it was too much, and the error says so", async () => {
    const much = SAVE.replace("5_000_000", "7_000_000").replace("600_000", "1_000_000");
    const run = await runThroughDeath({ save: much, wait: waitAt(`${site.url}/much`), read: READ }, "/much");
    assert.equal(run.failure?.type, "FileNotFoundError");
    assert.match(run.failure.message, /\/tmp\/report\.bin is missing: the run went on in another environment/);
    assert.match(run.failure.message, /its files have 6\.7 MiB; up to 6 MiB are saved/);
  });

  test("is there again after a pause through which everything was stopped, with what was posted to end it", async () => {
    const suspend = 'def handler(pd):\n    pd.export("links", pd.flow.suspend(timeout_ms=86_400_000))\n';
    const { displayName } = await deploySteps({ save: SAVE, wait: suspend, read: READ, posted: POSTED });
    const wait = { seconds: 0, nanos: 0 };
    const parent = `workflows/${displayName}`;
    const { id } = await house.client.runs.createRun({ parent, eventJson: "", requestId: "", waitTimeout: wait });
    await until(async () => (await house.getRun(id)).state === "SUSPENDED", 60_000);
    const links = (await house.getRun(id)).steps[1]?.exports as { links: { resume_url: string } };
    await passTime("23 hours");
    await restartHouse();
    const body = JSON.stringify({ name: "Ada" });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(links.links.resume_url, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.text());
    const run = await house.waitRun(id);
    assert.deepEqual(valueOf(run), { name: "Ada" });
    assert.deepEqual(run.steps[2]?.returnValue, [digest, true, 3_000_000]);
  });

  test("moves nowhere while its run stays", async () => {
    const { displayName } = await deploySteps({ save: SAVE, read: READ });
    assert.deepEqual(valueOf(await house.run(displayName)), [digest, false, 3_000_000]);
  });
});
