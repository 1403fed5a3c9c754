/** One gateway with a real record, to which a scripted owner writes what the tests say. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before } from "node:test";
import { openLogSink, openLogStream, wire, type LogSink, type LogStream } from "@millrace/bus";
import { PlatformError, type Change, type messages, type StepResult } from "@millrace/core";
import { runApi, step, workflowApi } from "@millrace/protocol";
import { openCommitter, type Committer, type LogRecord } from "@millrace/store";
import { mac, SCRIPTED_RUNNER, withToken } from "./scripted-runner.ts";
import { accept, startTestGateways, type ClientOptions, type TestGateways } from "./test-gateway.ts";
export let house: TestGateways;
export let owner: ScriptedOwner;
export let lines: LogStream;
let sink: LogSink;

/** Starts the house before the tests of a file and closes it behind them. */
export function useScriptedOwner(): void {
  before(async () => {
    house = await startTestGateways(1, {
      MILLRACE_HTTP_WAIT_MS: "5000",
      MILLRACE_SUBMIT_TIMEOUT_MS: "5000",
      MILLRACE_SUBMIT_RESEND_MS: "100",
      MILLRACE_TAIL_READERS_MAX: "3",
    });
    owner = await ScriptedOwner.start(house);
    lines = openLogStream(house.bus, mac);
    sink = openLogSink(house.bus, SCRIPTED_RUNNER.runner);
    await lines.ensure();
  });

  after(async () => {
    await owner.close();
    await house.close();
  });
}

export const runs = (options?: ClientOptions) => house.client(runApi.RunServiceService, options);

/** Writes what an owner would, when a test says so. */
export class ScriptedOwner {
  readonly #committer: Committer;
  readonly #name = `scripted-${randomUUID()}`;
  readonly #epochs: Map<number, number>;
  #number = 0;
  #sequence = 0;

  private constructor(committer: Committer, epochs: Map<number, number>) {
    this.#committer = committer;
    this.#epochs = epochs;
  }

  static async start({ store, databaseUrl }: TestGateways): Promise<ScriptedOwner> {
    const count = await store.partitions.count();
    const epochs = await store.partitions.take(Array.from({ length: count }, (_, partition) => partition));
    const scripted = new ScriptedOwner(openCommitter({ url: databaseUrl }), epochs);
    await store.partitions.registerCommitter(scripted.#name);
    return scripted;
  }

  close(): Promise<void> {
    return this.#committer.close();
  }

  async commit(...changes: Change[]): Promise<void> {
    const epochs = new Map(changes.map(({ partition }) => [partition, this.#epochs.get(partition)!]));
    await this.#committer.commit({ committer: this.#name, number: ++this.#number, epochs, changes });
  }

  accept(submit: messages.Submit): Promise<void> {
    return this.commit({ kind: "accept", ...submit, parked: false, sequence: ++this.#sequence });
  }

  update({ partition, runId }: messages.Submit, done: StepResult | null): Promise<void> {
    const marks = { assignment: 1, startTimeMs: Date.now(), wakeTimeMs: null, deaths: [] };
    return this.commit({ kind: "update", partition, runId, state: "RUNNING", ...marks, step: done });
  }

  end({ partition, runId }: messages.Submit, state: "SUCCEEDED" | "FAILED", last: StepResult | null): Promise<void> {
    const times = { startTimeMs: Date.now(), endTimeMs: Date.now() };
    const end = { partition, runId, state, assignment: 1, ...times, step: last, exitReason: "" };
    return this.commit({ kind: "end", ...end });
  }
}

export function stepResult(index: number, given: Partial<StepResult> = {}): StepResult {
  return {
    path: `steps/${index}`,
    name: ["first", "second"][index]!,
    executionId: randomUUID(),
    exportsJson: Buffer.from('{"a": 9007199254740993}'),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    failure: undefined,
    pause: undefined,
    startTimeMs: Date.now(),
    endTimeMs: Date.now(),
    lastLogSequence: 0,
    ...given,
  };
}

let deployments = 0;

export function deploy(): Promise<workflowApi.Workflow> {
  const definition = {
    name: `runs ${++deployments}`,
    trigger: { http: { respond: "workflow" } },
    steps: [
      { name: "first", python: "first.py" },
      { name: "second", python: "second.py" },
    ],
  };
  return house.client(workflowApi.WorkflowServiceService).deployWorkflow({
    name: "",
    definitionJson: JSON.stringify(definition),
    sources: { "first.py": "", "second.py": "" },
    checkTimeout: undefined,
    modules: {},
    upgradePackages: false,
    packageTimeout: undefined,
  });
}

export interface Started {
  readonly workflow: workflowApi.Workflow;
  readonly run: runApi.Run;
  readonly submit: messages.Submit;
  readonly name: string;
}

/** A run in the record, accepted as an owner would. */
export async function startRun(eventJson = "{}"): Promise<Started> {
  const workflow = await deploy();
  const submits: messages.Submit[] = [];
  house.onSubmit = (message) => {
    const submit = wire.submitFromWire(message);
    // A copy that came while the first one is being written says nothing new.
    if (submits.some(({ runId }) => runId === submit.runId)) return;
    submits.push(submit);
    void owner.accept(submit).then(() => accept(house, message));
  };
  const run = await runs().createRun({ parent: workflow.name, eventJson, requestId: "", waitTimeout: undefined });
  return { workflow, run, submit: submits[0]!, name: run.name };
}

export function record({ runId }: messages.Submit, sequence: number, assignment = 1): LogRecord {
  return {
    runId,
    assignment,
    sequence,
    timeMs: 1000 + sequence,
    stream: "stdout",
    path: "steps/0",
    text: `line ${sequence}`,
  };
}

export function publish(
  { runId, partition, spec }: messages.Submit,
  sequences: number[],
  projectId = house.projectId,
): void {
  const batch = {
    handing: { partition, runId, assignment: 1 },
    projectId,
    workflowId: spec.workflowId,
    lines: sequences.map((sequence) => ({
      ...{ sequence, time: new Date(), stream: step.LogStream.STDERR, continued: false },
      ...{ path: "steps/1", text: `live ${sequence}` },
    })),
  };
  sink.publish(withToken(batch));
}

export const shown = (entries: readonly runApi.LogEntry[]) => entries.map(({ text }) => text);

export async function reasonOf(call: Promise<unknown> | AsyncIterable<unknown>): Promise<string> {
  try {
    if (Symbol.asyncIterator in call) for await (const _item of call);
    else await call;
    return "nothing";
  } catch (thrown) {
    assert.ok(thrown instanceof PlatformError, String(thrown));
    return thrown.reason;
  }
}
