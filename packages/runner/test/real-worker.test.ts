import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { control, session, step } from "@millrace/protocol";
import type { startScratchNats } from "@millrace/testkit";

import { House, plainVersion, until } from "./house.ts";

const { NEXT, END } = control.AfterCommit;
let house: House;
let nats: Awaited<ReturnType<typeof startScratchNats>>;

beforeEach(async () => {
  ({ house, nats } = await House.open());
});
afterEach(async () => {
  await house.close();
  await nats.stop();
});

const GREET = `
import os
def handler(pd):
    print("hello", os.environ["COLOUR"], os.environ["TOKEN"])
    pd.export("name", pd.steps["trigger"]["event"]["name"])
    return {"n": 1}
`;
const ANSWER = `
def handler(pd):
    pd.respond({"status": 201, "body": {"name": pd.steps["s0"]["name"], "n": pd.steps["s0"]["$return_value"]["n"]}})
`;

test("two Python steps run in a sandbox: exports, variables, log lines, an answer", async () => {
  house.versions.set("v1", plainVersion("v1", GREET, ANSWER));
  house.environment = {
    ...house.environment,
    variables: { COLOUR: "red", TOKEN: "a-secret-token" },
    secretNames: ["TOKEN"],
  };
  house.startRunner(nats, {}, false);
  await house.ready();
  const handing = house.assign({ event: { name: "Bulbasaur" } });
  const first = await house.checkpoint(handing, "steps/0");
  assert.equal(first.result!.failure, undefined);
  assert.deepEqual(JSON.parse(first.result!.exportsJson.toString()), { name: "Bulbasaur" });
  house.commit(first, NEXT);
  const second = await house.checkpoint(handing, "steps/1");
  assert.deepEqual(JSON.parse(second.result!.response!.body.toString()), { name: "Bulbasaur", n: 1 });
  house.commit(second, END);
  await until(() => house.lines.length === 1, "the log line", house);
  assert.equal(house.lines[0]!.text, "hello red ****");
  await until(() => house.beats.at(-1)!.warmVersions[0]?.versionId === "v1", "the warm environment", house);
});

test("user code that ends its interpreter fails its own step only", async () => {
  house.versions.set("v1", plainVersion("v1", "import os\nos._exit(1)"));
  house.versions.set("v2", plainVersion("v2", "raise KeyError('x')"));
  house.startRunner(nats, {}, false);
  await house.ready();
  const handings = [house.assign(), house.assign({ versionId: "v2" })];
  const [exited, raised] = await Promise.all(handings.map((handing) => house.checkpoint(handing, "steps/0")));
  assert.equal(exited!.result!.failure!.cause, step.FailureCause.PROCESS_EXITED);
  assert.equal(raised!.result!.failure!.type, "KeyError");
});

test("kill -9 of the Python worker is told, and the next worker runs the run again", async () => {
  house.versions.set("v1", plainVersion("v1", "import time\ntime.sleep(20)"));
  house.versions.set("v2", plainVersion("v2", "a = 1"));
  house.startRunner(nats, {}, false);
  await house.ready();
  const handing = house.assign();
  await until(() => house.beats.at(-1)!.held[0]?.path === "steps/0", "the step in a heartbeat", house);
  process.kill(house.logged.find((record) => record["event"] === "worker.ready")!["pid"] as number, "SIGKILL");
  const gone = () => house.beats.flatMap((beat) => beat.gone).find((one) => one.handing!.runId === handing.runId);
  await until(() => gone() !== undefined, "the run in the gone list", house);
  assert.equal(gone()!.cause, session.GoneCause.WORKER_DIED);
  const before = house.beats.length;
  await until(() => house.beats.slice(before).some((beat) => !beat.draining), "a ready runner", house);
  await house.checkpoint(house.assign({ ...handing, assignment: 2, versionId: "v2" }), "steps/0");
});

test("sources that do not compile are found in a sandbox", async () => {
  house.startRunner(nats, {}, false);
  await house.ready();
  const { steps } = plainVersion("v", "a = 1", "def f(:\n  pass");
  const { problems } = await house.channels.check("r1").request({ steps, modules: [] }, { timeoutMs: 10_000 });
  assert.deepEqual(
    problems.map(({ fileName, line }) => [fileName, line]),
    [["s1.py", 1]],
  );
});
