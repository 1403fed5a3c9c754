import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { ALL_RUNS, readStatus, type ProcessStatus, type RunDocument } from "@millrace/cli";
import { isEndState } from "@millrace/core";
import { until } from "../harness/until.ts";
import type { TestHouse } from "../harness/test-house.ts";
import type { Execution, Witness } from "./witness.ts";

/** What is killed, one after another; `everything` is all of them at once. */
export const victims = ["hub", "runner", "worker", "nats", "postgres", "everything"] as const;
/** The same where gateway and scheduler are processes of their own. */
export const separateVictims = ["scheduler", "runner", "worker", "gateway", "nats", "postgres", "everything"] as const;

export type Victim = (typeof victims | typeof separateVictims)[number];

export interface KillRoundOptions {
  /** Runs that are acknowledged in the round. */
  readonly runs: number;
  /** `connections`: nothing is killed, but for a while Postgres has no connection to give. */
  readonly order: readonly (Victim | "connections")[];
  /** Stops victims for this long and lets them go on, instead of killing them. */
  readonly pauseMs?: number;
  readonly say: (line: string) => void;
}

/** What a round came to. */
export interface KillRoundReport {
  readonly runs: number;
  readonly executions: number;
  /** Executions of steps whose earlier execution had died before its checkpoint. */
  readonly repeated: number;
  readonly durationMs: number;
}

const STEPS = 3;
const STEP_MS = 60;
const ACKNOWLEDGE_MS = 120_000;
const END_MS = 180_000;
const RESTART_MS = 60_000;
const WITHOUT_CONNECTIONS_MS = 1_500;

/** Deploys the workflows that the rounds run: one that answers at once over HTTP, one for calls over gRPC. */
export async function deployVictims(house: TestHouse, witness: Witness): Promise<{ url: string }> {
  const steps = Object.fromEntries(
    Array.from({ length: STEPS }, (_, index) => [`step-${index}`, witness.stepSource(index, STEP_MS)]),
  );
  const { url } = await house.deploy({ name: "kill-http", trigger: { http: { respond: "immediate" } }, steps });
  await house.deploy({ name: "kill-grpc", trigger: { http: {} }, steps });
  return { url };
}

/**
 * Submits runs in as many waves as there are victims, and kills one victim with SIGKILL in the middle of each wave. Fails
 * when an acknowledged run is missing, has not succeeded or stands twice in history, or when a step whose checkpoint was
 * committed was executed again.
 */
export async function killRound(
  house: TestHouse,
  witness: Witness,
  url: string,
  options: KillRoundOptions,
): Promise<KillRoundReport> {
  const startedAt = performance.now();
  const from = witness.executions.length;
  const wave = Math.ceil(options.runs / options.order.length);
  const submits: Promise<string>[] = [];
  for (const victim of options.order) {
    const count = Math.min(wave, options.runs - submits.length);
    const begun = witness.executions.length;
    submits.push(...Array.from({ length: count }, (_, n) => (n % 4 === 0 ? submitByHttp(url) : submitByGrpc(house))));
    await until(() => witness.executions.length >= begun + Math.ceil(count / 2), END_MS);
    if (victim === "connections") await takeConnections(house, options.say);
    else if (options.pauseMs === undefined) await killAndAwait(house, victim, options.say);
    else await pause(house, victim, options.pauseMs, options.say);
  }
  const acknowledged = await Promise.all(submits);
  assert.equal(new Set(acknowledged).size, options.runs, "each acknowledgement names a run of its own");
  const ended = await Promise.all(acknowledged.map((id) => awaitEnd(house, id)));
  const executions = witness.executions.slice(from);
  checkRuns(ended, executions);
  await checkHistory(house, acknowledged);
  const durationMs = performance.now() - startedAt;
  return {
    runs: options.runs,
    executions: executions.length,
    repeated: executions.length - options.runs * STEPS,
    durationMs,
  };
}

/** Repeats a call until it is acknowledged; a house whose parts die answers with errors meanwhile. */
export async function insist<T>(call: () => Promise<T>, what: string): Promise<T> {
  const endAt = performance.now() + ACKNOWLEDGE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > endAt) throw new Error(`${what} failed for ${ACKNOWLEDGE_MS} ms`, { cause: error });
      await sleep(100);
    }
  }
}

async function submitByGrpc(house: TestHouse): Promise<string> {
  const request = { parent: "workflows/kill-grpc", eventJson: "{}", requestId: randomUUID(), waitTimeout: undefined };
  const run = await insist(() => house.client.runs.createRun(request), "a submit over gRPC");
  return run.id;
}

/** Without an acknowledgement nothing is promised, so the next try is another run. */
function submitByHttp(url: string): Promise<string> {
  return insist(async () => {
    const response = await fetch(url, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
    const text = await response.text();
    const [id] = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(text) ?? [];
    assert.ok(response.status === 200 && id !== undefined, `HTTP ${response.status}: ${text}`);
    return id;
  }, "a submit over HTTP");
}

/** Kills with SIGKILL and waits until the supervisor has others ready, and everything that died with them. */
export async function killAndAwait(house: TestHouse, victim: Victim, say: (line: string) => void): Promise<void> {
  const before = (await readStatus(house.data)).processes.filter(
    ({ role }) => role === victim || victim === "everything",
  );
  const pids = before.flatMap(({ pid }) => pid ?? []);
  assert.ok(pids.length > 0, `there is no ${victim} to kill`);
  const killedAt = performance.now();
  for (const pid of pids) signal(pid, "SIGKILL");
  await until(async () => {
    const { processes } = await readStatus(house.data);
    const areBack = before.every(({ role }) => processes.some((now) => now.role === role && isAnother(now, pids)));
    return areBack && processes.every(({ ready }) => ready);
  }, RESTART_MS);
  say(`  killed ${victim} (${pids.join(", ")}); all ready again after ${Math.round(performance.now() - killedAt)} ms`);
}

/** Takes all connections to Postgres away, as others do who fill `max_connections`, and gives them back: nothing is started again for it. */
async function takeConnections(house: TestHouse, say: (line: string) => void): Promise<void> {
  const pidsNow = async (): Promise<unknown[]> => (await readStatus(house.data)).processes.map(({ pid }) => pid);
  const before = await pidsNow();
  const database = await house.connectDatabase();
  try {
    await database.query("ALTER DATABASE millrace CONNECTION LIMIT 0");
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    const refused = await house.ask("workflows/-/runs");
    const text = await refused.text();
    assert.ok(refused.status === 503 && text.includes("DATABASE_UNAVAILABLE"), `HTTP ${refused.status}: ${text}`);
    // Being without is what is tested: nothing else tells that it is over.
    await sleep(WITHOUT_CONNECTIONS_MS);
  } finally {
    await database.query("ALTER DATABASE millrace CONNECTION LIMIT -1");
    await database.end();
  }
  await until(async () => (await house.ask("workflows/-/runs")).status === 200, RESTART_MS);
  assert.deepEqual(await pidsNow(), before, "something was started again");
  say("  took all connections to Postgres away");
}

/** Stops a victim, so that others take it for dead, and lets it go on as if nothing had been. */
async function pause(house: TestHouse, victim: Victim, pauseMs: number, say: (line: string) => void): Promise<void> {
  const { processes } = await readStatus(house.data);
  const pids = processes.flatMap(({ role, pid }) => (role === victim || victim === "everything" ? (pid ?? []) : []));
  for (const pid of pids) signal(pid, "SIGSTOP");
  // The pause itself is what is tested: nothing else tells that it is over.
  await sleep(pauseMs);
  for (const pid of pids) signal(pid, "SIGCONT");
  await until(async () => (await readStatus(house.data)).processes.every(({ ready }) => ready), RESTART_MS);
  say(`  stopped ${victim} (${pids.join(", ")}) for ${pauseMs} ms`);
}

/** A worker may be gone already, because its runner was killed before it. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isAnother({ pid, ready }: ProcessStatus, killed: readonly number[]): boolean {
  return ready && pid !== undefined && !killed.includes(pid);
}

/** Waits for the end of a run, over all deaths. */
export async function awaitEnd(house: TestHouse, id: string): Promise<RunDocument> {
  const endAt = performance.now() + END_MS;
  for (;;) {
    const run = await insist(() => house.waitRun(id), `waiting for ${id}`);
    if (isEndState(run.state as Parameters<typeof isEndState>[0])) return run;
    assert.ok(performance.now() < endAt, `run ${id} is ${run.state} after ${END_MS} ms`);
  }
}

/** Every run has succeeded, and no step began again behind its checkpoint. */
export function checkRuns(ended: readonly RunDocument[], executions: readonly Execution[]): void {
  const ofRun = Map.groupBy(executions, ({ run }) => run);
  for (const run of ended) {
    assert.equal(run.state, "SUCCEEDED", `run ${run.id}: ${JSON.stringify(run.failure)}`);
    assert.deepEqual(
      run.steps.map(({ state }) => state),
      Array<string>(STEPS).fill("SUCCEEDED"),
      run.id,
    );
    checkExecutions(run, ofRun.get(run.id) ?? []);
  }
}

/**
 * A step begins only behind the committed checkpoint of the one before. So once it has begun, the one before may not begin
 * again; and whatever it found there is what history keeps.
 */
function checkExecutions(run: RunDocument, executions: readonly Execution[]): void {
  const kept = run.steps.map(({ returnValue }) => (returnValue as { token: string }).token);
  let furthest = 0;
  for (const { step, token, before } of executions) {
    assert.ok(
      step >= furthest,
      `run ${run.id}: step ${step} began again (${token}) after its checkpoint was committed`,
    );
    furthest = step;
    if (step > 0)
      assert.equal(before, kept[step - 1], `run ${run.id}: step ${step} saw exports that history does not keep`);
  }
  for (const [step, token] of kept.entries()) {
    const known = executions.some((execution) => execution.step === step && execution.token === token);
    assert.ok(known, `run ${run.id}: history keeps an execution of step ${step} that nobody saw`);
  }
}

/** Every acknowledged run stands in history once. */
async function checkHistory(house: TestHouse, acknowledged: readonly string[]): Promise<void> {
  const listed: string[] = [];
  let pageToken = "";
  do {
    const request = { ...ALL_RUNS, pageToken };
    const page = await insist(() => house.client.runs.listRuns(request), "listing runs");
    listed.push(...page.runs.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.equal(new Set(listed).size, listed.length, "a run stands twice in history");
  const known = new Set(listed);
  assert.deepEqual(
    acknowledged.filter((id) => !known.has(id)),
    [],
    "an acknowledged run is missing in history",
  );
}
