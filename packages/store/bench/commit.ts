/**
 * Measures the commit on a real Postgres: `node packages/store/bench/commit.ts <url of an empty database>`.
 * Prints, for 1 and 200 workflows and batches of 1, 10 and 100, the time of an accept commit and of an end commit and the
 * runs per second that go through both, beside the floor of a durable commit. One connection, as a scheduler has it.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createRunId, partitionOf, type AcceptChange, type EndChange, type StepResult } from "@millrace/core";
import pg from "pg";
import { migrate, openCommitter, openStore, type Committer } from "../src/index.ts";

const url = process.argv[2]!;
const seconds = Number(process.argv[3] ?? 2);
const eventBytes = Number(process.argv[4] ?? 300);
const encoder = new TextEncoder();

const eventJson = encoder.encode(JSON.stringify({ method: "POST", body: { name: "x".repeat(eventBytes) } }));
const contextJson = encoder.encode(
  JSON.stringify({ id: randomUUID(), ts: "2026-01-01T00:00:00Z", workflow_name: "bench" }),
);
const exportsJson = encoder.encode(JSON.stringify({ $return_value: "y".repeat(100) }));

interface Workflow {
  readonly id: string;
  readonly versionId: string;
  readonly partition: number;
}

function createAccept(workflow: Workflow, sequence: number): AcceptChange {
  return {
    kind: "accept",
    partition: workflow.partition,
    runId: createRunId(Date.now(), randomBytes(10)),
    sequence,
    spec: {
      projectId: "00000000-0000-4000-8000-000000000000",
      workflowId: workflow.id,
      versionId: workflow.versionId,
      pool: "default",
      pythonMinor: "",
      stepNames: ["one"],
      concurrencyLimit: 0,
      queueLimit: 0,
      runTimeoutMs: 300_000,
    },
    input: {
      eventJson,
      eventFallsBackToBody: true,
      contextJson,
      triggerKind: "http",
      traceParent: "",
      traceId: randomBytes(16).toString("hex"),
      createTimeMs: Date.now(),
    },
    idempotencyKey: process.env["KEYS"] === "1" ? randomUUID() : "",
    gateway: "gateway-1",
    wantsAnswer: true,
    wantsEnd: false,
    priority: 0,
    parked: false,
  };
}

function createEnd(accept: AcceptChange): EndChange {
  const step: StepResult = {
    path: "steps/0",
    name: "one",
    executionId: randomUUID(),
    exportsJson,
    returnValueJson: exportsJson,
    response: undefined,
    exit: undefined,
    failure: undefined,
    pause: undefined,
    startTimeMs: Date.now(),
    endTimeMs: Date.now(),
    lastLogSequence: 3,
  };
  const { partition, runId } = accept;
  const times = { startTimeMs: Date.now(), endTimeMs: Date.now() };
  return { kind: "end", partition, runId, state: "SUCCEEDED", assignment: 1, ...times, step, exitReason: "" };
}

const SLICE_MS = 250;

interface Timings {
  readonly accept: number[];
  readonly end: number[];
  /** Runs per second, slice by slice: on a busy machine the best one tells most about the commit. */
  readonly rates: number[];
}

async function measure(committer: Committer, name: string, workflows: Workflow[], size: number): Promise<void> {
  const timings: Timings = { accept: [], end: [], rates: [] };
  const start = performance.now();
  let runs = 0;
  while (performance.now() - start < seconds * 1000) {
    const sliceStart = performance.now();
    const before = runs;
    while (performance.now() - sliceStart < SLICE_MS) {
      const accepts = Array.from({ length: size }, () =>
        createAccept(workflows[runs++ % workflows.length]!, ++sequence),
      );
      await acceptAndEnd(committer, name, accepts, timings);
    }
    timings.rates.push(((runs - before) / (performance.now() - sliceStart)) * 1000);
  }
  const partitions = new Set(workflows.map(({ partition }) => partition)).size;
  const { accept, end, rates } = timings;
  process.stdout.write(
    `${workflows.length} workflows (${partitions} partitions), batches of ${size}: accept ${show(accept)} ms, end ${show(end)} ms ` +
      `(p10/p50/p99), runs/s p50 ${Math.round(quantile(rates, 0.5))}, best ${Math.round(Math.max(...rates))}\n`,
  );
}

async function acceptAndEnd(
  committer: Committer,
  name: string,
  accepts: AcceptChange[],
  timings: Timings,
): Promise<void> {
  const epochs = new Map(accepts.map(({ partition }) => [partition, taken.get(partition)!]));
  const before = performance.now();
  await committer.commit({ committer: name, number: ++number, epochs, changes: accepts });
  const between = performance.now();
  await committer.commit({ committer: name, number: ++number, epochs, changes: accepts.map(createEnd) });
  timings.accept.push(between - before);
  timings.end.push(performance.now() - between);
}

function quantile(values: number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]!;
}

function show(values: number[]): string {
  return [0.1, 0.5, 0.99].map((part) => quantile(values, part).toFixed(2)).join("/");
}

/** What a durable commit costs at least: one row into a table without an index. */
async function measureFloor(): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("CREATE TABLE IF NOT EXISTS floor (value bytea)");
  const times: number[] = [];
  for (let index = 0; index < 500; index++) {
    const before = performance.now();
    await client.query({ name: "floor", text: "INSERT INTO floor VALUES ($1)", values: [Buffer.from(eventJson)] });
    times.push(performance.now() - before);
  }
  await client.end();
  process.stdout.write(`floor, one row into a bare table: ${show(times)} ms (p10/p50/p99)\n`);
}

let sequence = 0;
let number = 0;
await migrate(url);
const store = await openStore({ url });
const count = await store.partitions.count();
const taken = await store.partitions.take(Array.from({ length: count }, (_, index) => index));
const name = `bench-${randomUUID()}`;
await store.partitions.registerCommitter(name);
const committer = openCommitter({ url });
for (const workflowCount of [1, 200]) {
  const workflows = Array.from({ length: workflowCount }, () => {
    const id = randomUUID();
    return { id, versionId: randomUUID(), partition: partitionOf(id, count) };
  });
  for (const size of [1, 10, 100]) {
    await measureFloor();
    await measure(committer, name, workflows, size);
  }
}
await committer.close();
await store.close();
