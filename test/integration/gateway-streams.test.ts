import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeRunToken, TIMING_DEFAULT } from "@millrace/core";
import { control } from "@millrace/protocol";
import {
  accept,
  answer,
  ask,
  channels,
  deploy,
  end,
  house,
  projectId,
  useGateways,
} from "../harness/scripted-gateways.ts";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { ownerOf } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";
import { recordRun } from "../harness/record-run.ts";

useGateways({ MILLRACE_STREAM_STALL_MS: "1500", MILLRACE_HTTP_WAIT_MS: "15000" });

interface Said {
  readonly wanted?: boolean;
  readonly full?: boolean;
  readonly gone?: boolean;
}

/** The scripted runner: what a step that streams its answer asks of the gateway. */
class Step {
  readonly #submit: control.Submit;
  readonly #assignment: number;
  #number = 0;
  /** The run has gone elsewhere, as the record has it, and nobody has said so. */
  isStale = false;

  constructor(submit: control.Submit, assignment = 1) {
    this.#submit = submit;
    this.#assignment = assignment;
  }

  open(status = 200): Promise<Said> {
    return this.call("respond.open", { status, headers: [{ name: "content-type", value: "text/plain" }] });
  }

  write(index: number, text: string): Promise<Said> {
    return this.call("respond.write", { index }, text);
  }

  async call(method: string, request: unknown = null, body = ""): Promise<Said> {
    const { runId, spec, gateway } = this.#submit;
    const { workflowId, versionId } = spec!;
    const who = { projectId, workflowId, versionId, runId, assignment: this.#assignment, runner: "runner" };
    const assignment = this.#assignment + (this.isStale ? 1 : 0);
    await recordRun(house.databaseUrl, { projectId, runId, assignment });
    const mac = (data: Uint8Array) => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest();
    const runToken = encodeRunToken({ ...who, expiresAtMs: Date.now() + 60_000 }, mac);
    const { responseJson } = await channels.callOf(gateway).request(
      {
        ...{ runToken, method, path: "steps/0", number: ++this.#number, execution: 1 },
        ...{ requestJson: Buffer.from(JSON.stringify(request)), body: Buffer.from(body) },
      },
      { timeoutMs: 10_000 },
    );
    return (JSON.parse(responseJson.toString()) ?? {}) as Said;
  }
}

/** A request whose run was accepted, and what its client gets in the end. */
async function waiting(init?: RequestInit): Promise<{ submit: control.Submit; response: Promise<Response> }> {
  const { path } = await deploy({ respond: "workflow" });
  const submits: control.Submit[] = [];
  house.onSubmit = (submit) => {
    submits.push(submit);
    accept(submit);
  };
  const response = ask(path, init);
  response.catch(() => {});
  await until(() => submits.length > 0);
  return { submit: submits[0]!, response };
}

describe("a streamed answer", () => {
  test("goes out piece by piece, each once, however often it is sent", async () => {
    const { submit, response } = await waiting();
    const step = new Step(submit);
    assert.deepEqual(await step.open(201), { wanted: true, gone: false });
    assert.deepEqual(await step.open(201), { wanted: true, gone: false });
    assert.equal((await response).status, 201);
    for (const index of [0, 0, 1, 0, 1]) {
      assert.deepEqual(await step.write(index, `piece ${index} `), { full: false, gone: false });
    }
    await assert.rejects(step.write(3, "too early"), { reason: "STREAM_OUT_OF_ORDER" });
    assert.deepEqual(await step.call("respond.end"), { full: false, gone: false });
    assert.deepEqual(await step.call("respond.end"), { full: false, gone: false });
    assert.equal(await (await response).text(), "piece 0 piece 1 ");
    assert.equal(house.gateways[0]!.waitingCount(), 0);
  });

  test("counts from the current assignment only", async () => {
    const { submit, response } = await waiting();
    const { runId, gateway } = submit;
    channels.reassigned(gateway).send({ owner: ownerOf(submit), runId, assignment: 2 });
    await until(async () => (await new Step(submit, 1).open()).gone === true);
    const current = new Step(submit, 2);
    assert.equal((await current.open()).wanted, true);
    assert.deepEqual(await new Step(submit, 1).write(0, "old"), { full: false, gone: true });
    await current.write(0, "new");
    await current.call("respond.end");
    assert.equal(await (await response).text(), "new");
  });

  test("does not end well by an assignment that is none any more, also when nobody has said so", async () => {
    const { submit, response } = await waiting();
    const step = new Step(submit);
    await step.open();
    await step.write(0, "some");
    step.isStale = true;
    await assert.rejects(step.call("respond.end"), { reason: "ASSIGNMENT_STALE" });
    const body = (await response).text();
    body.catch(() => {});
    // Whoever has the run now answers, and there is nobody any more to answer to.
    assert.deepEqual(await new Step(submit, 2).open(), { wanted: false, gone: true });
    await assert.rejects(body);
  });

  const losses: [string, (submit: control.Submit) => unknown][] = [
    ["is given up by its step", (submit) => new Step(submit).call("respond.cut")],
    ["has lost its runner", (submit) => reassign(submit)],
    ["belongs to a run that has ended", (submit) => end(submit, control.RunState.FAILED)],
  ];
  for (const [title, lose] of losses) {
    test(`is broken off when it ${title}`, async () => {
      const { submit, response } = await waiting();
      const step = new Step(submit);
      await step.open();
      await step.write(0, "begun");
      await lose(submit);
      await assert.rejects((await response).text(), /terminated/);
      assert.deepEqual(await step.write(1, "more"), { full: false, gone: true });
      assert.equal(house.gateways[0]!.waitingCount(), 0);
    });
  }

  function reassign(submit: control.Submit): void {
    const { runId, gateway } = submit;
    channels.reassigned(gateway).send({ owner: ownerOf(submit), runId, assignment: 2 });
  }

  test("is over for its step when the client has left", async () => {
    const leaving = new AbortController();
    const { submit, response } = await waiting({ signal: leaving.signal });
    const step = new Step(submit);
    await step.open();
    await response;
    leaving.abort();
    await until(async () => (await step.write(0, "anybody?")).gone === true);
  });

  test("waits for a client that takes nothing, and gives it up in the end", async () => {
    const { submit, response } = await waiting();
    const step = new Step(submit);
    await step.open();
    await response;
    const said: Said[] = [];
    for (let index = 0; index < 100 && said.at(-1)?.gone !== true; index += said.at(-1)?.full === true ? 0 : 1) {
      said.push(await step.write(index, "x".repeat(1_000_000)));
    }
    assert.equal(said.at(-1)?.gone, true, "the client was never given up");
    assert.ok(said.length < 20, `${said.length} MB were taken for a client that reads nothing`);
  });

  test("is refused to whoever has no answer to give", async () => {
    const { submit } = await waiting();
    const step = new Step(submit);
    for (const request of [
      null,
      {},
      { status: 199, headers: [] },
      { status: 200, headers: [{ name: 1, value: "x" }] },
    ]) {
      await assert.rejects(step.call("respond.open", request), { reason: "INVALID_RESPONSE" });
    }
    await assert.rejects(step.call("respond.nothing"), { reason: "METHOD_NOT_FOUND" });
    assert.deepEqual(await step.write(0, "without opening"), { full: false, gone: true });
  });
});

test("an immediate answer that comes late counts only when the record has its assignment as the current one", async () => {
  const { submit, response } = await waiting();
  const { runId } = submit;
  await recordRun(house.databaseUrl, { projectId, runId, assignment: 2 });
  // Until then no run has been given to another for its runner's silence, and nothing is looked up.
  await sleep(TIMING_DEFAULT.lifeMs + 50);
  answer(submit, "old", 1);
  answer(submit, "new", 2);
  assert.equal(await (await response).text(), "new");
});
