/**
 * Measures the commit on a real Postgres: `node packages/store/bench/commit.ts <url of an empty database>`.
 * Prints, for 1 and 200 workflows and batches of 1, 10 and 100, the time of an accept commit and of an end commit and the
 * runs per second that go through both. One connection, as a scheduler has it.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createRunId, partitionOf, type AcceptChange, type EndChange, type StepResult } from "@millrace/core";
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

async function measure(committer: Committer, name: string, workflows: Workflow[], size: number): Promise<void> {
  const epochs = await epochsOf();
  const times: { accept: number[]; end: number[] } = { accept: [], end: [] };
  const start = performance.now();
  let runs = 0;
  while (performance.now() - start < seconds * 1000) {
    const accepts = Array.from({ length: size }, () => createAccept(workflows[runs++ % workflows.length]!, ++sequence));
    const touched = new Map(accepts.map(({ partition }) => [partition, epochs.get(partition)!]));
    const before = performance.now();
    await committer.commit({ committer: name, number: ++number, epochs: touched, changes: accepts });
    const between = performance.now();
    const ends = accepts.map(createEnd);
    await committer.commit({ committer: name, number: ++number, epochs: touched, changes: ends });
    times.accept.push(between - before);
    times.end.push(performance.now() - between);
  }
  const rate = Math.round((runs / (performance.now() - start)) * 1000);
  const partitions = new Set(workflows.map(({ partition }) => partition)).size;
  const show = (list: number[]): string => {
    const sorted = list.sort((a, b) => a - b);
    return `${sorted[Math.floor(sorted.length / 2)]!.toFixed(2)} / ${sorted[Math.floor(sorted.length * 0.99)]!.toFixed(2)}`;
  };
  process.stdout.write(
    `${workflows.length} workflows (${partitions} partitions), batch ${size}: accept p50/p99 ${show(times.accept)} ms, ` +
      `end ${show(times.end)} ms, ${rate} runs/s\n`,
  );
}

let sequence = 0;
let number = 0;
await migrate(url);
const store = await openStore({ url });
const count = await store.partitions.count();
const taken = await store.partitions.take(Array.from({ length: count }, (_, index) => index));
const epochsOf = async (): Promise<ReadonlyMap<number, number>> => taken;
const name = `bench-${randomUUID()}`;
await store.partitions.registerCommitter(name);
const committer = openCommitter({ url });
for (const workflowCount of [1, 200]) {
  const workflows = Array.from({ length: workflowCount }, () => {
    const id = randomUUID();
    return { id, versionId: randomUUID(), partition: partitionOf(id, count) };
  });
  for (const size of [1, 10, 100]) await measure(committer, name, workflows, size);
}
await committer.close();
await store.close();
