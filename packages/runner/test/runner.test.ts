import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { PlatformError } from "@millrace/core";
import { control, session } from "@millrace/protocol";
import type { startScratchNats } from "@millrace/testkit";

import { House, plainVersion, until, versionOf } from "./house.ts";

const { NEXT, END } = control.AfterCommit;
let house: House;
let nats: Awaited<ReturnType<typeof startScratchNats>>;

beforeEach(async () => {
  ({ house, nats } = await House.open());
  house.versions.set("v1", plainVersion("v1", "a = 1", "b = 2"));
});
afterEach(async () => {
  await house.close();
  await nats.stop();
});

test("a run goes through its steps as their checkpoints are committed, and leaves the heartbeats", async () => {
  house.startRunner(nats);
  await house.ready();
  const handing = house.assign();
  const first = await house.checkpoint(handing, "steps/0");
  assert.equal(first.runner, "r1");
  house.commit(first, NEXT);
  const second = await house.checkpoint(handing, "steps/1");
  const beats = house.beats.length;
  house.commit(second, END);
  await until(() => house.beats.length > beats + 1, "two beats");
  assert.deepEqual(house.beats.at(-1)!.held, []);
  assert.equal(house.beats.at(-1)!.slotsFree, house.beats.at(-1)!.slotsTotal);
});

test("what user code asks for goes to a gateway with the run's token, again after a silence, and comes back", async () => {
  const asked: control.CallRequest[] = [];
  house.channels.call().serve(async (request) => {
    asked.push(request);
    if (asked.length === 1) await new Promise(() => {});
    if (request.method === "test.refuse") throw new PlatformError("PermissionDenied", "NOT_YOURS", "not yours");
    return { responseJson: Buffer.from("[1]"), body: request.body, error: undefined, secrets: [] };
  });
  house.startRunner(nats, { MILLRACE_CALL_TRY_MS: "100" });
  await house.ready();
  const answer = async (method: string) => {
    const { result } = await house.checkpoint(house.assign({ event: { ask: method } }), "steps/0");
    return JSON.parse(result!.exportsJson.toString()).answer as unknown;
  };
  assert.deepEqual(await answer("test.echo"), { text: "[1]body" });
  assert.equal(asked.length, 2, "the first copy was not answered");
  assert.deepEqual(asked[0], asked[1]);
  const { runToken, path, number, execution, requestJson } = asked[0]!;
  assert.deepEqual([versionOf(runToken), path, number, execution], ["v1", "steps/0", 7, 1]);
  assert.equal(requestJson.toString(), '{"key":"k"}');
  const error = { type: "PermissionError", reason: "NOT_YOURS", message: "not yours" };
  assert.deepEqual(await answer("test.refuse"), { text: "", error });
});

test("a checkpoint is repeated until it is committed", async () => {
  house.startRunner(nats);
  await house.ready();
  const handing = house.assign();
  await until(() => house.checkpoints.length >= 3, "repeats", house);
  assert.equal(new Set(house.checkpoints.map(({ result }) => result!.executionId)).size, 1);
  assert.ok(house.beats.at(-1)!.held.some((held) => held.handing!.runId === handing.runId));
});

test("versions and variables are asked for once, and again after a change", async () => {
  house.environment = { ...house.environment, variables: { COLOUR: "red" } };
  house.startRunner(nats);
  await house.ready();
  const read = async (handing: control.Handing) => {
    const { result } = await house.checkpoint(handing, "steps/0");
    return JSON.parse(result!.exportsJson.toString()).environment as Record<string, string>;
  };
  assert.deepEqual(await read(house.assign()), { COLOUR: "red" });
  assert.deepEqual(await read(house.assign()), { COLOUR: "red" });
  assert.deepEqual(house.asked.toSorted(), ["environment 0", "version v1"]);
  house.environment = { ...house.environment, generation: 2, variables: { COLOUR: "blue" } };
  house.announceChange();
  await house.bus.flush();
  await until(() => house.beats.length > 3, "some time for the news", house);
  assert.deepEqual(await read(house.assign()), { COLOUR: "blue" });
});

test("a run whose version cannot be had goes back, and the next one finds it", async () => {
  house.startRunner(nats, { MILLRACE_DEFINITION_TIMEOUT_MS: "300" });
  await house.ready();
  const handing = house.assign({ versionId: "v2" });
  const gone = () => house.beats.flatMap((beat) => beat.gone).find((one) => one.handing!.runId === handing.runId);
  await until(() => gone() !== undefined, "the run in the gone list", house);
  assert.equal(gone()!.cause, session.GoneCause.REFUSED);
  house.versions.set("v2", plainVersion("v2", "a = 1"));
  await house.checkpoint(house.assign({ versionId: "v2" }), "steps/0");
});

test("secrets are masked in log lines and failures, not in exports", async () => {
  const secret = "correct horse battery";
  house.environment = { ...house.environment, variables: { TOKEN: secret }, secretNames: ["TOKEN"] };
  house.startRunner(nats);
  await house.ready();
  const encoded = Buffer.from(`user:${secret}`).toString("base64");
  const handing = house.assign({ event: { lines: [`token=${secret}`, `Basic ${encoded}`], fail: `bad ${secret}` } });
  const { result } = await house.checkpoint(handing, "steps/0");
  assert.equal(result!.failure!.message, "bad ****");
  assert.ok(!result!.failure!.traceback.includes(secret));
  assert.ok(result!.exportsJson.includes(secret));
  await until(() => house.lines.length === 3, "the log lines", house);
  const texts = house.lines.map((line) => line.text);
  assert.equal(texts[0], "token=****");
  assert.match(texts[1]!, /^Basic .{0,8}\*\*\*\*.{0,2}$/);
  assert.equal(texts[2], "bad ****");
  assert.equal(result!.lastLogSequence, 3);
  await until(() => house.beats.at(-1)!.held[0]?.lastLogSequence === 3, "the sequence in a heartbeat", house);
});

test("an assignment for another incarnation, or one that is too old, is refused", async () => {
  house.startRunner(nats);
  await house.ready();
  const other = house.assign({ incarnation: "before" });
  const old = house.assign({ stampMs: house.beats.at(-1)!.stampMs - 10_000 });
  await until(() => house.refusals.length === 2, "both refusals", house);
  assert.deepEqual(
    house.refusals.map(({ handing, neverStarted }) => [handing!.runId, neverStarted]),
    [
      [other.runId, false],
      [old.runId, true],
    ],
  );
});

test("an owner's kill ends a run; a limited run that nobody renews ends by itself", async () => {
  house.startRunner(nats);
  const beat = await house.ready();
  const killed = house.assign({ event: { silent: true } });
  await until(() => house.beats.at(-1)!.held.length === 1, "the run in a heartbeat", house);
  house.renew(beat, [], [killed]);
  const gone = (handing: control.Handing) =>
    house.beats.flatMap((one) => one.gone).find((one) => one.handing!.runId === handing.runId);
  await until(() => gone(killed) !== undefined, "the killed run in the gone list", house);
  assert.equal(gone(killed)!.cause, session.GoneCause.KILLED);
  const limited = house.assign({ event: { silent: true }, concurrencyLimit: 1 });
  house.renews = false;
  await until(() => gone(limited) !== undefined, "the expired run in the gone list", house);
  assert.equal(gone(limited)!.cause, session.GoneCause.EXPIRED);
});

test("a worker's death is told, and the next worker takes runs", async () => {
  house.startRunner(nats);
  await house.ready();
  const handing = house.assign({ event: { die: true } });
  const gone = () => house.beats.flatMap((beat) => beat.gone).find((one) => one.handing!.runId === handing.runId);
  await until(() => gone() !== undefined, "the run in the gone list", house);
  assert.equal(gone()!.cause, session.GoneCause.WORKER_DIED);
  const before = house.beats.length;
  await until(() => house.beats.slice(before).some((beat) => !beat.draining), "a ready runner", house);
  await house.checkpoint(house.assign(), "steps/0");
});

test("owners hear at once that there is a worker again, without waiting for the next heartbeat", async () => {
  house.startRunner(nats, { MILLRACE_HEARTBEAT_MS: "1000" });
  await house.ready();
  const early = () =>
    house.beats.some((beat, index) => {
      const before = house.beats[index - 1];
      return before?.draining === true && !beat.draining && beat.stampMs - before.stampMs < 900;
    });
  // By chance a worker may be ready in the moment in which a heartbeat is due anyway.
  for (let deaths = 0; deaths < 3 && !early(); deaths++) {
    const before = house.beats.length;
    house.assign({ event: { die: true } });
    await until(() => house.beats.slice(before).some((beat) => beat.draining), "a runner without a worker", house);
    await until(() => !house.beats.at(-1)!.draining, "a ready runner", house);
  }
  assert.ok(early(), JSON.stringify(house.beats.map(({ draining, stampMs }) => ({ draining, stampMs }))));
});

test("sources are checked by a worker, also over the bus", async () => {
  house.startRunner(nats);
  await house.ready();
  const steps = [{ path: "steps/0", name: "bad", fileName: "bad.py", source: "!", inputs: [], timeout: undefined }];
  const { problems } = await house.channels.check("r1").request({ steps, modules: [] }, { timeoutMs: 5000 });
  assert.deepEqual(problems, [{ fileName: "bad.py", line: 1, column: 2, message: "SyntaxError: no" }]);
});

test("SIGTERM lets the run finish, takes no other, and leaves no worker", async () => {
  const child = house.startRunner(nats);
  await house.ready();
  const handing = house.assign();
  const first = await house.checkpoint(handing, "steps/0");
  const worker = house.logged.find((record) => record["event"] === "worker.ready")!["pid"] as number;
  child.kill("SIGTERM");
  await until(() => house.beats.at(-1)!.draining, "a draining heartbeat", house);
  house.assign();
  await until(() => house.refusals.length === 1, "the refusal", house);
  house.commit(first, NEXT);
  const second = await house.checkpoint(handing, "steps/1");
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  house.commit(second, END);
  assert.equal(await exited, 0);
  assert.throws(() => process.kill(worker, 0));
});

test("a run that outlasts the drain is handed back at once, and not as a death of its own", async () => {
  const child = house.startRunner(nats, { MILLRACE_DRAIN_TIMEOUT_MS: "4500" });
  await house.ready();
  const handing = house.assign({ event: { silent: true } });
  await until(() => house.beats.at(-1)!.held.length === 1, "the run in a heartbeat", house);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  assert.equal(await exited, 0);
  const gone = house.beats.at(-1)!.gone.find((one) => one.handing!.runId === handing.runId);
  assert.equal(gone?.cause, session.GoneCause.KILLED);
});

test("a worker that never ends a run loses first the run, then its life", async () => {
  house.startRunner(nats, { MILLRACE_WORKER_SILENCE_MS: "200" }, "deaf");
  await house.ready();
  const handing = house.assign({ event: { silent: true }, runTimeLeftMs: 100 });
  const gone = () => house.beats.flatMap((beat) => beat.gone).find((one) => one.handing!.runId === handing.runId);
  await until(() => gone() !== undefined, "the run in the gone list", house);
  assert.equal(gone()!.cause, session.GoneCause.WORKER_DIED);
});
