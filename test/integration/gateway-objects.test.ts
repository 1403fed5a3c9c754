import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes, randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import pg from "pg";
import { encodePayloadReference, encodeRunToken, parsePayloadReference, type messages } from "@millrace/core";
import { control, runApi } from "@millrace/protocol";
import { WHOLE_REPLAY } from "../harness/requests.ts";
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
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { accept } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

useScriptedOwner();

const timeoutMs = 2_000;
const PIECE = 512 * 1024;
const eventOf = (bytes: number): string => JSON.stringify({ text: "x".repeat(bytes) });

function tokenOf({ runId, spec }: messages.Submit, given: { projectId?: string; runId?: string } = {}): string {
  const { projectId, workflowId, versionId } = spec;
  const expiresAtMs = Date.now() + 60_000;
  const claims = { projectId, workflowId, versionId, runId, assignment: 1, runner: "runner", expiresAtMs, ...given };
  return encodeRunToken(claims, (data) => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest());
}

async function readAll(runToken: string, { objectId, size }: { objectId: string; size: number }): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < size; offset += PIECE) {
    const length = Math.min(PIECE, size - offset);
    const request = { runToken, objectId, offset, length };
    pieces.push((await house.channels.readObject().request(request, { timeoutMs })).content);
  }
  return Buffer.concat(pieces);
}

type Piece = Partial<control.WriteObjectRequest> & { runToken: string; objectId: string };

function writePiece(piece: Piece): Promise<unknown> {
  const request = { position: 0, content: Buffer.alloc(0), end: undefined, ...piece };
  return house.channels.writeObject().request(request, { timeoutMs });
}

/** Writes content as a runner does, each piece twice. */
async function write(runToken: string, content: Buffer, use: control.ObjectUse, superseded: string[] = []) {
  const objectId = randomUUID();
  for (let position = 0; position < content.length; position += PIECE) {
    const piece = { runToken, objectId, position, content: content.subarray(position, position + PIECE) };
    await Promise.all([writePiece(piece), writePiece(piece)]);
  }
  const sha256 = createHash("sha256").update(content).digest();
  const end = { size: content.length, sha256, use, superseded };
  await writePiece({ runToken, objectId, position: content.length, end });
  await writePiece({ runToken, objectId, position: content.length, end });
  return { objectId, size: content.length };
}

const retained = (submit: messages.Submit, objectId: string, kind: "run" | "tmp" = "run") =>
  house.store.objects.isRetained({ kind, id: submit.runId }, objectId);

describe("a large event", () => {
  test("is durable and the run's own before its submit, and the runner gets it piece by piece", async () => {
    const event = eventOf(1_500_000);
    const { submit, name } = await startRun(event);
    const reference = parsePayloadReference(submit.input.eventJson);
    assert.equal(reference?.size, event.length);
    assert.ok(await retained(submit, reference.objectId));
    assert.equal((await readAll(tokenOf(submit), reference)).toString(), event);
    const { eventJson, largeValues } = await runs().getRun({ name });
    assert.equal(eventJson, "");
    const EVENT = runApi.RunValueKind.EVENT;
    assert.deepEqual(largeValues, [{ kind: EVENT, path: "", size: event.length }]);
    let streamed = "";
    for await (const { content } of runs().readRunValue({ name, kind: EVENT, path: "" }))
      streamed += content.toString();
    assert.equal(streamed, event);
  });

  test("of a small run is in its submit, and nothing else is written or read for it", async () => {
    const client = new pg.Client({ connectionString: house.databaseUrl });
    await client.connect();
    const objects = async (): Promise<unknown[]> => (await client.query("SELECT id FROM objects")).rows;
    const before = await objects();
    const { submit } = await startRun(eventOf(200_000));
    const after = await objects();
    await client.end();
    assert.equal(submit.input.eventJson.length, eventOf(200_000).length);
    assert.deepEqual(after, before);
  });

  test("is given up with a run that is turned away", async () => {
    const workflow = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(house, submit, control.SubmitOutcome.QUEUE_FULL);
    };
    const request = { parent: workflow.name, eventJson: eventOf(300_000), requestId: "", waitTimeout: undefined };
    assert.equal(await reasonOf(runs().createRun(request)), "QUEUE_FULL");
    const [submit] = submits;
    assert.ok(submit?.input !== undefined);
    const { objectId } = parsePayloadReference(submit.input.eventJson)!;
    const owning = { kind: "run", id: submit.runId } as const;
    await until(async () => !(await house.store.objects.isRetained(owning, objectId)));
  });

  test("beyond the bound is refused before anything is written", async () => {
    const workflow = await deploy();
    const request = {
      parent: workflow.name,
      eventJson: eventOf(51 * 1024 ** 2),
      requestId: "",
      waitTimeout: undefined,
    };
    assert.equal(await reasonOf(runs().createRun(request)), "EVENT_TOO_LARGE");
  });

  test("is shared by the run that replays it", async () => {
    const { submit, name } = await startRun(eventOf(400_000));
    await owner.end(submit, "SUCCEEDED", stepResult(0));
    const replays: control.Submit[] = [];
    house.onSubmit = (message) => {
      replays.push(message);
      accept(house, message);
    };
    assert.equal(await reasonOf(runs().replayRun({ ...WHOLE_REPLAY, name })), "RUN_NOT_FOUND");
    const [replay] = replays;
    assert.ok(replay?.input !== undefined);
    assert.deepEqual(Buffer.from(replay.input.eventJson), Buffer.from(submit.input.eventJson));
    const { objectId } = parsePayloadReference(replay.input.eventJson)!;
    assert.ok(await house.store.objects.isRetained({ kind: "run", id: replay.runId }, objectId));
  });
});

describe("an object of a run", () => {
  test("is written in pieces that may come twice, and belongs to the run of the token", async () => {
    const { submit, name } = await startRun();
    const value = Buffer.from(JSON.stringify("y".repeat(1_200_000)));
    const reference = await write(tokenOf(submit), value, control.ObjectUse.PAYLOAD);
    assert.ok((await readAll(tokenOf(submit), reference)).equals(value));
    const small = await write(tokenOf(submit), Buffer.from('"z"'), control.ObjectUse.PAYLOAD);
    const returnValueJson = encodePayloadReference(reference);
    await owner.end(
      submit,
      "SUCCEEDED",
      stepResult(0, { returnValueJson, exportsJson: encodePayloadReference(small) }),
    );
    const run = await runs().getRun({ name });
    assert.deepEqual([run.steps[0]?.exportsJson, run.steps[0]?.returnValueJson], ['"z"', undefined]);
    const { RETURN_VALUE, ANSWER } = runApi.RunValueKind;
    assert.deepEqual(run.largeValues, [{ kind: RETURN_VALUE, path: "steps/0", size: value.length }]);
    const missing = { name, kind: ANSWER, path: "steps/0" };
    assert.equal(await reasonOf(runs().readRunValue(missing)), "VALUE_NOT_FOUND");
  });

  test("is nothing to other runs, and a forged reference shows nothing", async () => {
    const [mine, other] = [await startRun(), await startRun(eventOf(300_000))];
    const theirs = parsePayloadReference(other.submit.input.eventJson)!;
    const read = (runToken: string) => reasonOf(readAll(runToken, theirs));
    assert.equal(await read(tokenOf(mine.submit)), "OBJECT_NOT_FOUND");
    assert.equal(await read(tokenOf(other.submit).slice(0, -3)), "RUN_TOKEN_INVALID");
    const forged = encodePayloadReference(theirs);
    await owner.end(mine.submit, "SUCCEEDED", stepResult(0, { returnValueJson: forged }));
    assert.equal(await reasonOf(runs().getRun({ name: mine.name })), "PAYLOAD_NOT_FOUND");
    const step = { name: mine.name, kind: runApi.RunValueKind.RETURN_VALUE, path: "steps/0" };
    assert.equal(await reasonOf(runs().readRunValue(step)), "PAYLOAD_NOT_FOUND");
  });

  test("that another project has begun cannot be finished or changed", async () => {
    const { submit } = await startRun();
    const content = randomBytes(1000);
    const objectId = randomUUID();
    const foreign = tokenOf(submit, { projectId: randomUUID() });
    await writePiece({ runToken: foreign, objectId, content });
    const end = {
      size: 1000,
      sha256: createHash("sha256").update(content).digest(),
      use: control.ObjectUse.PAYLOAD,
      superseded: [],
    };
    assert.equal(await reasonOf(writePiece({ runToken: tokenOf(submit), objectId, end })), "OBJECT_INCOMPLETE");
  });

  test("has a bound, and pieces have one too", async () => {
    const { submit } = await startRun();
    const runToken = tokenOf(submit);
    const far = { runToken, objectId: randomUUID(), position: 64 * 1024 ** 2, content: Buffer.alloc(1) };
    assert.equal(await reasonOf(writePiece(far)), "OBJECT_TOO_LARGE");
    const wide = { runToken, objectId: randomUUID(), content: Buffer.alloc(PIECE + 1) };
    assert.equal(await reasonOf(writePiece(wide)), "INVALID_PART");
  });

  test("with what was in /tmp takes the place of earlier ones, which payloads never do", async () => {
    const { submit } = await startRun();
    const runToken = tokenOf(submit);
    const { PAYLOAD, TMP } = control.ObjectUse;
    const payload = await write(runToken, randomBytes(100), PAYLOAD);
    const first = await write(runToken, randomBytes(100), TMP);
    const second = await write(runToken, randomBytes(100), TMP, [first.objectId, payload.objectId]);
    assert.deepEqual(await Promise.all([first, second].map(({ objectId }) => retained(submit, objectId, "tmp"))), [
      false,
      true,
    ]);
    assert.ok(await retained(submit, payload.objectId));
    assert.equal((await readAll(runToken, second)).length, 100);
  });
});
