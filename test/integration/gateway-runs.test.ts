import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { openLogStream, wire, type LogStream } from "@millrace/bus";
import { PlatformError, type Change, type messages, type StepResult } from "@millrace/core";
import { control, runApi, step, workflowApi } from "@millrace/protocol";
import { openCommitter, type Committer, type LogRecord } from "@millrace/store";
import { accept, ownerOf, startTestGateways, type ClientOptions, type TestGateways } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

let house: TestGateways;
let owner: ScriptedOwner;
let lines: LogStream;

before(async () => {
  house = await startTestGateways(1, {
    MILLRACE_HTTP_WAIT_MS: "5000",
    MILLRACE_SUBMIT_TIMEOUT_MS: "500",
    MILLRACE_SUBMIT_RESEND_MS: "100",
    MILLRACE_TAIL_READERS_MAX: "3",
  });
  owner = await ScriptedOwner.start(house);
  lines = openLogStream(house.bus);
  await lines.ensure();
});

after(async () => {
  await owner.close();
  await house.close();
});

const runs = (options?: ClientOptions) => house.client(runApi.RunServiceService, options);

/** Writes what an owner would, when a test says so. */
class ScriptedOwner {
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
    return this.commit({ kind: "accept", ...submit, sequence: ++this.#sequence });
  }

  update({ partition, runId }: messages.Submit, done: StepResult | null): Promise<void> {
    const marks = { assignment: 1, startTimeMs: Date.now(), wakeTimeMs: null, deaths: 0 };
    return this.commit({ kind: "update", partition, runId, state: "RUNNING", ...marks, step: done });
  }

  end({ partition, runId }: messages.Submit, state: "SUCCEEDED" | "FAILED", last: StepResult | null): Promise<void> {
    const times = { startTimeMs: Date.now(), endTimeMs: Date.now() };
    const end = { partition, runId, state, assignment: 1, ...times, step: last, exitReason: "" };
    return this.commit({ kind: "end", ...end });
  }
}

function stepResult(index: number, given: Partial<StepResult> = {}): StepResult {
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

function deploy(): Promise<workflowApi.Workflow> {
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
  });
}

interface Started {
  readonly workflow: workflowApi.Workflow;
  readonly run: runApi.Run;
  readonly submit: messages.Submit;
  readonly name: string;
}

/** A run in the record, accepted as an owner would. */
async function startRun(eventJson = "{}"): Promise<Started> {
  const workflow = await deploy();
  const submits: messages.Submit[] = [];
  house.onSubmit = (message) => {
    const submit = wire.submitFromWire(message);
    submits.push(submit);
    void owner.accept(submit).then(() => accept(house, message));
  };
  const run = await runs().createRun({ parent: workflow.name, eventJson, requestId: "", waitTimeout: undefined });
  return { workflow, run, submit: submits[0]!, name: run.name };
}

function record({ runId }: messages.Submit, sequence: number, assignment = 1): LogRecord {
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

function publish({ runId, partition, spec }: messages.Submit, sequences: number[], projectId = house.projectId): void {
  lines.publish({
    handing: { partition, runId, assignment: 1 },
    projectId,
    workflowId: spec.workflowId,
    lines: sequences.map((sequence) => ({
      ...{ sequence, time: new Date(), stream: step.LogStream.STDERR },
      ...{ path: "steps/1", text: `live ${sequence}` },
    })),
  });
}

const shown = (entries: readonly runApi.LogEntry[]) => entries.map(({ text }) => text);

async function reasonOf(call: Promise<unknown> | AsyncIterable<unknown>): Promise<string> {
  try {
    if (Symbol.asyncIterator in call) for await (const _item of call);
    else await call;
    return "nothing";
  } catch (thrown) {
    assert.ok(thrown instanceof PlatformError, String(thrown));
    return thrown.reason;
  }
}

describe("a run", () => {
  test("is shown with every step of its version, whatever it came to", async () => {
    const { submit, name, workflow } = await startRun('{"n": 9007199254740993}');
    const failure = { cause: "EXCEPTION", type: "KeyError", message: "'x'", traceback: "Traceback", line: 7 } as const;
    await owner.end(submit, "FAILED", stepResult(0, { failure }));
    const run = await runs().getRun({ name });
    assert.equal(run.state, runApi.RunState.FAILED);
    assert.deepEqual(run.failure, {
      step: "first",
      line: 7,
      type: "KeyError",
      message: "'x'",
      traceback: "Traceback",
      file: "first.py",
    });
    assert.equal(run.eventJson, '{"n": 9007199254740993}');
    assert.equal(run.workflow, workflow.name);
    assert.equal(run.version, 1);
    assert.deepEqual(
      run.steps.map((it) => [it.name, it.path, it.state, it.exportsJson]),
      [
        ["first", "steps/0", runApi.RunState.FAILED, '{"a": 9007199254740993}'],
        ["second", "steps/1", runApi.RunState.SKIPPED, "{}"],
      ],
    );
  });

  test("is found under its own workflow and in its own project only", async () => {
    const { run, workflow } = await startRun();
    const other = await deploy();
    for (const place of ["-", workflow.id, workflow.displayName]) {
      assert.equal((await runs().getRun({ name: `workflows/${place}/runs/${run.id}` })).id, run.id);
    }
    const elsewhere = `workflows/${other.id}/runs/${run.id}`;
    const mine = { name: `workflows/-/runs/${run.id}` };
    const calls: [string, ClientOptions][] = [
      [elsewhere, {}],
      [mine.name, { token: house.otherKey }],
    ];
    for (const [name, options] of calls) {
      const api = runs(options);
      assert.equal(await reasonOf(api.getRun({ name })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.waitRun({ name, timeout: undefined })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.cancelRun({ name, reason: "" })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.replayRun({ name, requestId: "", waitTimeout: undefined })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.listRunLogs({ parent: name, pageSize: 0, pageToken: "" })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.watchRun({ name })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.tailRunLogs({ parent: name })), "RUN_NOT_FOUND");
    }
    const list = await runs({ token: house.otherKey }).listRuns({ ...allRuns, parent: workflow.name });
    assert.deepEqual(list.runs, []);
  });

  test("is listed by workflow and state, newest first, in pages", async () => {
    const { workflow, run, submit } = await startRun();
    const parent = workflow.name;
    const second = await runs().createRun({ parent, eventJson: "", requestId: "", waitTimeout: undefined });
    await owner.end(submit, "SUCCEEDED", stepResult(0));
    const page = await runs().listRuns({ ...allRuns, parent, pageSize: 1 });
    assert.deepEqual(
      page.runs.map(({ id }) => id),
      [second.id],
    );
    const rest = await runs().listRuns({ ...allRuns, parent, pageSize: 1, pageToken: page.nextPageToken });
    assert.deepEqual(
      rest.runs.map(({ id }) => id),
      [run.id],
    );
    const ended = await runs().listRuns({ ...allRuns, parent, state: runApi.RunState.SUCCEEDED });
    assert.deepEqual(
      ended.runs.map(({ id }) => id),
      [run.id],
    );
  });

  test("is watched to its end", async () => {
    const { submit, name } = await startRun();
    const states: string[] = [];
    let watched = false;
    const watching = (async () => {
      for await (const { run } of runs().watchRun({ name })) {
        watched = true;
        states.push([run!.state, ...run!.steps.map(({ state }) => state)].join());
      }
    })();
    await until(() => watched);
    await owner.update(submit, stepResult(0));
    await until(() => states.length >= 2);
    await owner.end(submit, "SUCCEEDED", stepResult(1));
    await watching;
    const { PENDING, RUNNING, SUCCEEDED } = runApi.RunState;
    assert.deepEqual(states[0], [PENDING, PENDING, PENDING].join());
    assert.deepEqual(states[1]!.split(",").slice(0, 2), [RUNNING, SUCCEEDED].map(String));
    assert.deepEqual(states.at(-1), [SUCCEEDED, SUCCEEDED, SUCCEEDED].join());
  });

  test("is waited for until its end, or until the wait is over", async () => {
    const { submit, name } = await startRun();
    const early = await runs().waitRun({ name, timeout: { seconds: 0, nanos: 50_000_000 } });
    assert.equal(early.state, runApi.RunState.PENDING);
    const waiting = runs().waitRun({ name, timeout: { seconds: 20, nanos: 0 } });
    await owner.end(submit, "SUCCEEDED", stepResult(0));
    assert.equal((await waiting).state, runApi.RunState.SUCCEEDED);
  });

  test("is answered when it has ended to a caller who waits while creating it", async () => {
    const workflow = await deploy();
    house.onSubmit = (message) => {
      const submit = wire.submitFromWire(message);
      void (async () => {
        await owner.accept(submit);
        accept(house, message);
        await owner.end(submit, "SUCCEEDED", stepResult(0));
        const { gateway, runId } = message;
        const state = control.RunState.SUCCEEDED;
        house.channels.ended(gateway).send({ owner: ownerOf(message), runId, state, responsePath: "" });
      })();
    };
    const waitTimeout = { seconds: 20, nanos: 0 };
    const run = await runs().createRun({ parent: workflow.name, eventJson: "", requestId: "", waitTimeout });
    assert.equal(run.state, runApi.RunState.SUCCEEDED);
    assert.equal(run.steps.length, 2);
  });

  test("gives its answer from the record when every message about it was lost", async () => {
    const workflow = await deploy();
    const body = Buffer.from("from the record");
    const response = { status: 203, headers: [], body, immediate: false };
    house.onSubmit = (message) => {
      const submit = wire.submitFromWire(message);
      void owner
        .accept(submit)
        .then(() => accept(house, message))
        .then(() => owner.update(submit, stepResult(0, { response })));
    };
    const { pathname } = new URL(workflow.triggers[0]!.url);
    const answered = await fetch(`http://127.0.0.1:${house.gateways[0]!.httpPort}${pathname}`);
    assert.equal(answered.status, 203);
    assert.equal(await answered.text(), "from the record");
  });

  test("is cancelled through its owner, and left as it is once it has ended", async () => {
    const { submit, name } = await startRun();
    const reasons: string[] = [];
    const listening = house.channels.cancel(submit.partition).listen((cancel) => {
      reasons.push(cancel.reason);
      void owner.end(submit, "SUCCEEDED", stepResult(0)).then(() => {
        const state = control.RunState.SUCCEEDED;
        house.channels.cancelled(cancel.gateway).send({ owner: ownerOf(submit), runId: submit.runId, state });
      });
    });
    await house.bus.flush();
    const run = await runs().cancelRun({ name, reason: "enough" });
    assert.equal(run.state, runApi.RunState.SUCCEEDED);
    assert.equal((await runs().cancelRun({ name, reason: "again" })).state, runApi.RunState.SUCCEEDED);
    assert.deepEqual(reasons, ["enough"]);
    listening.unsubscribe();
    const { name: other } = await startRun();
    assert.equal(await reasonOf(runs().cancelRun({ name: other, reason: "" })), "CANCEL_UNACKNOWLEDGED");
  });

  test("is replayed with its own event and version, also after a later deploy", async () => {
    const { submit, name, run } = await startRun('{"n": 1.10}');
    await owner.end(submit, "SUCCEEDED", stepResult(0));
    await house.client(workflowApi.WorkflowServiceService).deployWorkflow({
      name: "",
      definitionJson: JSON.stringify({ name: `runs ${deployments}`, steps: [{ name: "other", python: "o.py" }] }),
      sources: { "o.py": "" },
      checkTimeout: undefined,
    });
    let submitted: messages.Submit | undefined;
    house.onSubmit = (message) => {
      submitted = wire.submitFromWire(message);
      void owner.accept(submitted).then(() => accept(house, message));
    };
    const again = await runs().replayRun({ name, requestId: "", waitTimeout: undefined });
    assert.notEqual(again.id, run.id);
    assert.equal(again.replayOf, run.name);
    assert.equal(again.versionId, run.versionId);
    assert.equal(again.triggerKind, "replay");
    assert.equal(Buffer.from(submitted!.input.eventJson).toString(), '{"n": 1.10}');
    const context = JSON.parse(Buffer.from(submitted!.input.contextJson).toString()) as Record<string, unknown>;
    assert.equal(context["replay"], true);
    assert.equal(context["id"], again.id);
    assert.notEqual(again.traceId, run.traceId);
  });
});

const allRuns = { parent: "", pageSize: 0, pageToken: "", state: runApi.RunState.UNSPECIFIED };

describe("a run's log", () => {
  const page = { pageSize: 0, pageToken: "" };

  test("says in its place how many lines were lost", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([3, 4, 6].map((sequence) => record(submit, sequence)));
    const { entries } = await runs().listRunLogs({ ...page, parent: name });
    assert.deepEqual(shown(entries), ["2 lines lost", "line 3", "line 4", "1 line lost", "line 6"]);
    assert.equal(entries[1]!.step, "first");
    assert.equal(entries[0]!.lostLines, 2);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 9 }));
    const ended = await runs().listRunLogs({ ...page, parent: name });
    assert.deepEqual(shown(ended.entries).slice(-2), ["line 6", "3 lines lost"]);
  });

  test("waits for the last line of a run that has just ended", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([record(submit, 1)]);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 2 }));
    const listing = runs().listRunLogs({ ...page, parent: name });
    await house.store.logs.insert([record(submit, 2)]);
    assert.deepEqual(shown((await listing).entries), ["line 1", "line 2"]);
  });

  test("comes in pages without losing or doubling a line", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([1, 2, 4, 5].map((sequence) => record(submit, sequence)));
    const texts: string[] = [];
    let pageToken = "";
    do {
      const part = await runs().listRunLogs({ parent: name, pageSize: 2, pageToken });
      texts.push(...shown(part.entries));
      pageToken = part.nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(texts, ["line 1", "line 2", "1 line lost", "line 4", "line 5"]);
    assert.equal(
      await reasonOf(runs().listRunLogs({ parent: name, pageSize: 0, pageToken: "x" })),
      "INVALID_PAGE_TOKEN",
    );
  });

  test("is followed live from its first line to its last", async () => {
    const { submit, name } = await startRun();
    publish(submit, [1, 2]);
    const texts: string[] = [];
    const following = (async () => {
      for await (const { entries } of runs().tailRunLogs({ parent: name })) texts.push(...shown(entries));
    })();
    await until(() => texts.length === 2);
    await owner.end(submit, "SUCCEEDED", stepResult(1, { lastLogSequence: 4 }));
    publish(submit, [3, 4]);
    await following;
    assert.deepEqual(texts, ["live 1", "live 2", "live 3", "live 4"]);
  });

  test("says at the end of following what never came", async () => {
    const { submit, name } = await startRun();
    publish(submit, [1]);
    await owner.end(submit, "SUCCEEDED", stepResult(1, { lastLogSequence: 3 }));
    const texts: string[] = [];
    for await (const { entries } of runs().tailRunLogs({ parent: name })) texts.push(...shown(entries));
    assert.deepEqual(texts, ["live 1", "2 lines lost"]);
  });

  test("is read from the record when the stream has forgotten it", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([record(submit, 1)]);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 1 }));
    const texts: string[] = [];
    for await (const { entries } of runs().tailRunLogs({ parent: name })) texts.push(...shown(entries));
    assert.deepEqual(texts, ["line 1"]);
  });

  for (const scope of ["workflow", "project"] as const) {
    test(`is part of what followers of its ${scope} see, and of nobody else`, async () => {
      const { submit, workflow, name } = await startRun();
      const parent = scope === "workflow" ? `${workflow.name}/runs/-` : "workflows/-/runs/-";
      const leaving = new AbortController();
      const seen: runApi.LogEntry[] = [];
      const following = (async () => {
        const tail = runs().tailRunLogs({ parent }, { signal: leaving.signal });
        for await (const { entries } of tail) seen.push(...entries);
      })().catch(() => {});
      let sequence = 0;
      await until(() => {
        publish(submit, [++sequence]);
        publish(submit, [1000 + sequence], "another project");
        return seen.length > 2;
      });
      leaving.abort();
      await following;
      assert.ok(
        seen.every(({ text, run, step: at }) => /^live \d{1,3}$/.test(text) && run === name && at === "second"),
      );
    });
  }

  test("is followed by a bounded number of callers", async () => {
    const { workflow } = await startRun();
    const leaving = new AbortController();
    const parent = `${workflow.name}/runs/-`;
    const follow = async () => {
      for await (const _part of runs().tailRunLogs({ parent }, { signal: leaving.signal }));
    };
    const following = [1, 2, 3].map(() => follow().catch(() => {}));
    await until(
      async () => (await reasonOf(runs().tailRunLogs({ parent }, { deadlineMs: 300 }))) === "TOO_MANY_READERS",
    );
    leaving.abort();
    await Promise.all(following);
  });
});

describe("a gateway that stops", () => {
  test("answers those who wait and takes nobody new", async () => {
    const workflow = await deploy();
    const gateway = await house.start("gateway-stopping");
    let held: control.Submit | undefined;
    house.onSubmit = (message) => {
      held ??= message;
      accept(house, message);
    };
    const { pathname } = new URL(workflow.triggers[0]!.url);
    const url = `http://127.0.0.1:${gateway.httpPort}${pathname}`;
    const waiting = fetch(url);
    await until(() => held !== undefined && gateway.waitingCount() === 1);
    let drained = false;
    const draining = gateway.drain().then(() => (drained = true));
    await until(async () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
    assert.equal(drained, false);
    const state = control.RunState.SUCCEEDED;
    house.channels.ended(held!.gateway).send({ owner: ownerOf(held!), runId: held!.runId, state, responsePath: "" });
    assert.equal((await waiting).status, 400);
    await draining;
  });

  test("sends followers away and tells waiters what there is", async () => {
    const { name, workflow } = await startRun();
    house.gateways.push(await house.start("gateway-leaving"));
    const gateway = house.gateways.length - 1;
    const api = runs({ gateway });
    let watched = false;
    const watching = (async () => {
      for await (const _part of api.watchRun({ name })) watched = true;
    })();
    const reason = reasonOf(watching);
    const waiting = api.waitRun({ name, timeout: { seconds: 60, nanos: 0 } });
    const creating = api.createRun({
      parent: workflow.name,
      eventJson: "",
      requestId: "",
      waitTimeout: { seconds: 60, nanos: 0 },
    });
    await until(() => watched && house.gateways[gateway]!.waitingCount() === 1);
    await house.gateways.pop()!.drain();
    assert.equal(await reason, "GATEWAY_STOPPING");
    assert.equal((await waiting).state, runApi.RunState.PENDING);
    assert.equal((await creating).state, runApi.RunState.PENDING);
  });
});
