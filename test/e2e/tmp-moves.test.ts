import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { deploySteps, house, useHouse, valueOf } from "../harness/shared-house.ts";
import { TestSite } from "../harness/test-site.ts";

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

  test("moves nowhere while its run stays", async () => {
    const { displayName } = await deploySteps({ save: SAVE, read: READ });
    assert.deepEqual(valueOf(await house.run(displayName)), [digest, false, 3_000_000]);
  });
});
