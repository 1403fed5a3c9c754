import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wire } from "@millrace/bus";
import { ALL_RUNS } from "@millrace/cli";
import type { messages } from "@millrace/core";
import { control, runApi, workflowApi } from "@millrace/protocol";
import { FIRST_LINES, WHOLE_REPLAY } from "../harness/requests.ts";
import {
  deploy,
  house,
  owner,
  reasonOf,
  runs,
  startRun,
  stepResult,
  useScriptedOwner,
} from "../harness/scripted-record.ts";
import { accept, ownerOf, type ClientOptions } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

useScriptedOwner();

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
      assert.equal(await reasonOf(api.replayRun({ ...WHOLE_REPLAY, name })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.listRunLogs({ ...FIRST_LINES, parent: name })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.watchRun({ name })), "RUN_NOT_FOUND");
      assert.equal(await reasonOf(api.tailRunLogs({ cursor: "", parent: name })), "RUN_NOT_FOUND");
    }
    const list = await runs({ token: house.otherKey }).listRuns({ ...allRuns, parent: workflow.name });
    assert.deepEqual(list.runs, []);
  });

  test("is listed by what it came to, and by nothing that no run can be", async () => {
    const { workflow, submit } = await startRun();
    const parent = workflow.name;
    const failure = { cause: "EXCEPTION", type: "KeyError", message: "no \0 name", traceback: "", line: 7 } as const;
    await owner.end(submit, "FAILED", stepResult(0, { failure }));
    const { FAILED, CANCELLED, SKIPPED } = runApi.RunState;
    const listed = async (filter: Partial<runApi.ListRunsRequest>): Promise<number> =>
      (await runs().listRuns({ ...allRuns, parent, ...filter })).runs.length;
    assert.equal(await listed({ states: [FAILED, CANCELLED], text: "keyERROR" }), 1);
    assert.equal(await listed({ states: [CANCELLED] }), 0);
    assert.equal(await listed({ createdBefore: new Date(Date.now() - 3_600_000) }), 0);
    assert.equal(await listed({ createdFrom: new Date(Date.now() - 3_600_000), version: 1 }), 1);
    assert.equal(await listed({ minDuration: { seconds: 3600, nanos: 0 } }), 0);
    const refused: [Partial<runApi.ListRunsRequest>, string][] = [
      [{ states: [SKIPPED] }, "INVALID_STATE"],
      [{ parent: "workflows/-", version: 1 }, "VERSION_NEEDS_WORKFLOW"],
      [{ text: "x".repeat(201) }, "TEXT_TOO_LONG"],
      [{ minDuration: { seconds: -1, nanos: 0 } }, "INVALID_DURATION"],
    ];
    for (const [filter, reason] of refused) assert.equal(await reasonOf(listed(filter)), reason);
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
        house.channels.ended(gateway).send({ owner: ownerOf(message), runId, state, responsePath: "", busyMs: 0 });
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
    const { submit, name, run, workflow } = await startRun('{"n": 1.10}');
    await owner.end(submit, "SUCCEEDED", stepResult(0));
    await house.client(workflowApi.WorkflowServiceService).deployWorkflow({
      name: "",
      definitionJson: JSON.stringify({ name: workflow.displayName, steps: [{ name: "other", python: "o.py" }] }),
      sources: { "o.py": "" },
      checkTimeout: undefined,
      modules: {},
      upgradePackages: false,
      packageTimeout: undefined,
    });
    let submitted: messages.Submit | undefined;
    house.onSubmit = (message) => {
      submitted = wire.submitFromWire(message);
      void owner.accept(submitted).then(() => accept(house, message));
    };
    const again = await runs().replayRun({ ...WHOLE_REPLAY, name });
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

const allRuns = { ...ALL_RUNS, pageSize: 0 };

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
    house.channels
      .ended(held!.gateway)
      .send({ owner: ownerOf(held!), runId: held!.runId, state, responsePath: "", busyMs: 0 });
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
