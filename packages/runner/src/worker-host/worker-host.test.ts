import assert from "node:assert/strict";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { dirname, join } from "node:path";

import { credentials, Metadata, status } from "@grpc/grpc-js";
import type { PlatformError } from "@millrace/core";
import { session, type step } from "@millrace/protocol";

import type { HostLog } from "./host-log.ts";
import { WorkerHost, type WorkerEvents } from "./worker-host.ts";
import type { RestartPolicy } from "./worker-slot.ts";

const SCRIPTED = join(import.meta.dirname, "../../test/scripted-worker.ts");
const stops: (() => Promise<void>)[] = [];
after(() => Promise.all(stops.map((stop) => stop())));

/** A host with scripted workers, and what they said. */
async function scene(
  settings: {
    workers?: number;
    env?: Record<string, string>;
    versionsMax?: number;
    args?: string[];
    keepaliveMs?: number;
    restart?: Pick<RestartPolicy, "firstMs" | "stableAfterMs">;
  } = {},
) {
  const news: [string, unknown][] = [];
  const logged: [string, unknown][] = [];
  const failures: PlatformError[] = [];
  let socket = "";
  const record = (event: string) => (value: unknown) => void news.push([event, value]);
  const events: WorkerEvents = {
    stepStarted: record("stepStarted"),
    stepFinished: record("stepFinished"),
    responded: record("responded"),
    called: record("called"),
    logLines: record("logLines"),
    runGone: record("runGone"),
    readyChanged: () => undefined,
    inventoryChanged: () => undefined,
    failed: (error) => failures.push(error),
  };
  const say = (event: string, fields: unknown) => void logged.push([event, fields]);
  const log: HostLog = { debug: say, info: say, warn: say, error: say };
  const host = new WorkerHost(
    {
      workers: settings.workers ?? 1,
      dataFolder: mkdtempSync(join(tmpdir(), "millrace-test-")),
      command: (socketPath, token, workerId) => {
        socket = socketPath;
        const own = { MILLRACE_RUNNER_SOCKET: socketPath, MILLRACE_WORKER_TOKEN: token, MILLRACE_WORKER_ID: workerId };
        return { command: process.execPath, args: settings.args ?? [SCRIPTED], env: { ...own, ...settings.env } };
      },
      configure: session.Configure.decode(new Uint8Array(0)),
      restart: { firstMs: 10, maxMs: 50, stableAfterMs: 10_000, sessionTimeoutMs: 10_000, ...settings.restart },
      limits: { versionsMax: settings.versionsMax ?? 8, framesMax: 1000, bytesMax: 64 * 1024 * 1024 },
      keepaliveMs: settings.keepaliveMs ?? 5000,
      checkTimeoutMs: 5000,
      log,
    },
    events,
  );
  await host.start();
  stops.push(() => host.stop(200));
  const of = <T>(event: string) => news.filter(([name]) => name === event).map(([, value]) => value as T);
  return { host, news, logged, failures, of, socket: () => socket };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < end, `waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function version(versionId: string, steps = 2): session.LoadVersion {
  const code = (index: number) => ({
    path: `steps/${index}`,
    name: `s${index}`,
    fileName: `s${index}.py`,
    source: "x = 1",
    inputs: [],
    timeout: undefined,
  });
  return {
    versionId,
    memoryBytes: 0,
    limits: undefined,
    stepTimeout: undefined,
    modules: [],
    packages: undefined,
    steps: Array.from({ length: steps }, (_, index) => code(index)),
  };
}

function start(runId: string, versionId = "v1", event: unknown = {}): session.StartRun {
  const eventJson = Buffer.from(JSON.stringify(event));
  return { ...session.StartRun.decode(new Uint8Array(0)), assignment: { runId, number: 1 }, versionId, eventJson };
}

test("carries a run through its steps and reports it gone once", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  const assignment = { runId: "r1", number: 1 };
  assert.ok(host.startRun(start("r1"), version("v1")));
  await until(() => of("stepFinished").length === 1, "the first step");
  host.proceed(assignment, "steps/0");
  await until(() => of("stepFinished").length === 2, "the second step");
  assert.deepEqual(
    of<session.StepFinished>("stepFinished").map(({ result }) => (result as step.StepResult).path),
    ["steps/0", "steps/1"],
  );
  host.endRun(assignment);
  await until(() => of("runGone").length === 1, "the end");
  assert.equal(of<session.RunGone>("runGone")[0]!.cause, session.GoneCause.ENDED);
  assert.equal(host.workers()[0]!.runs, 0);
});

test("the socket is private, and a stream without the right token is refused", async () => {
  const { host, socket } = await scene();
  await until(() => host.ready, "a session");
  assert.equal(statSync(dirname(socket())).mode & 0o777, 0o700);
  assert.equal(statSync(socket()).mode & 0o777, 0o600);
  for (const token of [undefined, "wrong", "0".repeat(64)]) {
    const client = new session.WorkerSessionServiceClient(`unix:${socket()}`, credentials.createInsecure());
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    const stream = client.session(metadata);
    const code = await new Promise<number>((resolve) => {
      stream.on("error", (error: Error & { code?: number }) => resolve(error.code ?? -1));
    });
    assert.equal(code, status.UNAUTHENTICATED);
    client.close();
  }
});

test("a worker of another contract is refused and started again", async () => {
  const { host, logged } = await scene({ env: { SCRIPTED_PROTOCOL: "2" } });
  await until(() => logged.filter(([event]) => event === "worker.died").length >= 2, "two refused starts");
  assert.equal(host.ready, false);
  assert.ok(logged.some(([, fields]) => JSON.stringify(fields).includes("PROTOCOL_VERSION_UNSUPPORTED")));
});

test("after kill -9 of the worker its runs are gone and another takes the next run", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  host.startRun(start("r1", "v1", { silent: true }), version("v1"));
  await until(() => of("stepStarted").length === 1, "the step");
  const { pid } = host.workers()[0]!;
  process.kill(pid!, "SIGKILL");
  await until(() => of("runGone").length === 1, "the news of the death");
  assert.deepEqual(of<session.RunGone>("runGone")[0], {
    assignment: { runId: "r1", number: 1 },
    cause: session.GoneCause.WORKER_DIED,
    message: "the worker died",
  });
  await until(() => host.ready && host.workers()[0]!.pid !== pid, "another worker");
  host.startRun(start("r2"), version("v1"));
  await until(() => of("stepFinished").length === 1, "a step in the new worker, which knew no version");
});

test("a worker that is stopped dead is replaced", async () => {
  const { host, of } = await scene({ keepaliveMs: 200 });
  await until(() => host.ready, "a session");
  host.startRun(start("r1", "v1", { silent: true }), version("v1"));
  await until(() => of("stepStarted").length === 1, "the step");
  const { pid } = host.workers()[0]!;
  process.kill(pid!, "SIGSTOP");
  await until(() => of("runGone").length === 1, "the news of the death");
  await until(() => host.ready && host.workers()[0]!.pid !== pid, "another worker");
});

test("what has left its worker is here until its end is known, whatever becomes of the worker", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  for (const run of ["r1", "r2", "r3"]) host.startRun(start(run, "v1", { leave: true }), version("v1"));
  host.startRun(start("r4", "v1", { silent: true }), version("v1"));
  await until(() => of("stepFinished").length === 3, "the ends of three");
  assert.equal(host.workers()[0]!.runs, 1);
  host.endRun({ runId: "r1", number: 1 });
  host.killRun({ runId: "r2", number: 1 });
  assert.deepEqual(
    of<session.RunGone>("runGone").map(({ assignment, cause }) => [assignment?.runId, cause]),
    [
      ["r1", session.GoneCause.ENDED],
      ["r2", session.GoneCause.KILLED],
    ],
  );
  host.killWorkerOf({ runId: "r3", number: 1 });
  process.kill(host.workers()[0]!.pid!, "SIGKILL");
  await until(() => of("runGone").length === 3, "the news of the death");
  host.endRun({ runId: "r3", number: 1 });
  assert.deepEqual(
    of<session.RunGone>("runGone").map(({ assignment, cause }) => [assignment?.runId, cause]),
    [
      ["r1", session.GoneCause.ENDED],
      ["r2", session.GoneCause.KILLED],
      ["r4", session.GoneCause.WORKER_DIED],
      ["r3", session.GoneCause.ENDED],
    ],
  );
});

test("a run that leaves while its worker is told to kill or end it is reported gone", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  for (const run of ["r1", "r2"]) host.startRun(start(run, "v1", { leave: true }), version("v1"));
  host.killRun({ runId: "r1", number: 1 });
  host.endRun({ runId: "r2", number: 1 });
  await until(() => of("runGone").length === 2, "that both are gone");
  assert.deepEqual(
    of<session.RunGone>("runGone").map(({ assignment, cause }) => [assignment?.runId, cause]),
    [
      ["r1", session.GoneCause.KILLED],
      ["r2", session.GoneCause.ENDED],
    ],
  );
  assert.equal(of("stepFinished").length, 2);
  assert.equal(host.workers()[0]!.runs, 0);
});

test("a version is sent once, and forgotten when there are too many", async () => {
  const { host, of } = await scene({ versionsMax: 2 });
  await until(() => host.ready, "a session");
  for (const [index, id] of ["a", "b", "c", "a", "c"].entries()) {
    host.startRun(start(`r${index}`, id), version(id));
    await until(() => of("stepFinished").length === index + 1, `run ${index}`);
    host.endRun({ runId: `r${index}`, number: 1 });
    await until(() => of("runGone").length === index + 1, `the end of run ${index}`);
  }
  assert.ok(of<session.RunGone>("runGone").every(({ cause }) => cause === session.GoneCause.ENDED));
});

test("runs spread over the workers, warm environments first", async () => {
  const { host, of } = await scene({ workers: 2 });
  await until(() => host.workers().every(({ ready }) => ready), "both sessions");
  await until(() => host.warmVersions()[0]?.idle === 2, "both inventories");
  for (const run of ["r1", "r2", "r3", "r4"]) host.startRun(start(run, "v1", { silent: true }), version("v1"));
  assert.deepEqual(
    host.workers().map(({ runs }) => runs),
    [2, 2],
  );
  host.startRun(start("r5", "warm", { silent: true }), version("warm"));
  host.startRun(start("r6", "warm", { silent: true }), version("warm"));
  assert.deepEqual(host.warmVersions(), []);
  assert.deepEqual(
    host.workers().map(({ runs }) => runs),
    [3, 3],
  );
  await until(() => of("stepStarted").length === 6, "all starts");
});

test("checks sources, and says so when the worker dies over it", async () => {
  const { host } = await scene();
  await until(() => host.ready, "a session");
  const steps = [
    ...version("v", 1).steps,
    { path: "steps/1", name: "bad", fileName: "bad.py", source: "!", inputs: [], timeout: undefined },
  ];
  const { problems } = await host.checkSources({ steps, modules: [] });
  assert.deepEqual(
    problems.map(({ fileName, line }) => [fileName, line]),
    [["bad.py", 1]],
  );
  const waiting = host.checkSources({ steps, modules: [] });
  process.kill(host.workers()[0]!.pid!, "SIGKILL");
  await assert.rejects(waiting, { reason: "WORKER_DIED" });
});

test("a frame larger than a message goes alone; thousands of frames keep their order", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  const big = start("big", "v1", { lines: ["x".repeat(5 * 1024 * 1024)] });
  host.startRun(big, version("v1"));
  for (let i = 0; i < 900; i++) host.startRun(start(`r${i}`), version("v1"));
  await until(() => of("stepFinished").length === 901, "all steps");
  const order = of<session.StepFinished>("stepFinished").map(({ assignment }) => assignment!.runId);
  assert.deepEqual(order, ["big", ...Array.from({ length: 900 }, (_, i) => `r${i}`)]);
});

test("a worker that has lived for a while is replaced without a pause", async () => {
  const { host, logged } = await scene({ restart: { firstMs: 600_000, stableAfterMs: 0 } });
  await until(() => host.ready, "a session");
  const first = host.workers()[0]!.pid!;
  process.kill(first, "SIGKILL");
  await until(() => host.ready && host.workers()[0]!.pid !== first, "the next worker");
  const died = logged.find(([event]) => event === "worker.died")?.[1] as { restartInMs: number };
  assert.equal(died.restartInMs, 0);
});

test("what no restart can cure is told at once", async () => {
  const { failures } = await scene({ args: ["-e", "console.error('bwrap is missing'); process.exit(4)"] });
  await until(() => failures.length === 1, "the failure");
  assert.equal(failures[0]!.reason, "SANDBOX_UNAVAILABLE");
  assert.match(failures[0]!.message, /bwrap is missing/);
});

test("stopping lets a run finish, leaves no process, and refuses further runs", async () => {
  const { host, of } = await scene();
  await until(() => host.ready, "a session");
  const { pid } = host.workers()[0]!;
  host.startRun(start("r1"), version("v1"));
  await until(() => of("stepFinished").length === 1, "the step");
  const stopped = host.stop(5000);
  assert.equal(host.startRun(start("r2"), version("v1")), false);
  host.endRun({ runId: "r1", number: 1 });
  await stopped;
  assert.throws(() => process.kill(pid!, 0));
  assert.equal(of<session.RunGone>("runGone")[0]!.cause, session.GoneCause.ENDED);
});
