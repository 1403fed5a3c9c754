import assert from "node:assert/strict";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { wire } from "@millrace/bus";
import { encodeRunToken, type messages } from "@millrace/core";
import { control, fileApi, runApi } from "@millrace/protocol";
import pg from "pg";
import { WHOLE_REPLAY } from "../harness/requests.ts";
import { deploy, house, owner, runs, startRun, useScriptedOwner } from "../harness/scripted-record.ts";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { accept, type ClientOptions } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

const DAY_MS = 86_400_000;

useScriptedOwner();

const files = (options?: ClientOptions) => house.client(fileApi.FileServiceService, options);

async function objectIds(): Promise<string[]> {
  const database = new pg.Client({ connectionString: house.databaseUrl });
  await database.connect();
  const { rows } = await database.query<{ id: string }>("SELECT id FROM objects ORDER BY id");
  await database.end();
  return rows.map(({ id }) => id);
}

interface Upload {
  readonly url: string;
  readonly size: number;
}

function formOf(...contents: string[]): FormData {
  const form = new FormData();
  for (const content of contents) form.append("file", new Blob([content]), "file.bin");
  return form;
}

/** Sends a body to a new trigger, whose run is accepted, and returns the run with the files in its event. */
async function upload(body: FormData) {
  const workflow = await deploy();
  let submit: messages.Submit | undefined;
  const seen = new Set<string>();
  house.onSubmit = (message) => {
    const given = wire.submitFromWire(message);
    submit ??= given;
    if (seen.has(given.runId)) return;
    seen.add(given.runId);
    void owner.accept(given).then(() => accept(house, message));
  };
  const response = fetch(workflow.triggers[0]!.url, { method: "POST", body });
  response.catch(() => {});
  await until(async () => submit !== undefined && (await house.store.runs.getStatus([submit.runId])).length === 1);
  const run = submit!;
  const event = JSON.parse(Buffer.from(run.input.eventJson).toString()) as { body: { file: Upload } };
  return { run, response, workflow, file: event.body.file };
}

async function failureOf(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as { error: { reason: string } }).error.reason];
}

describe("an upload", () => {
  test("lives as long as the run's history", async () => {
    const { run, file } = await upload(formOf("kept"));
    assert.equal(run.input.eventFallsBackToBody, true);
    await house.store.housekeeping.collectObjects(0);
    assert.equal(await (await fetch(file.url)).text(), "kept");
    await owner.end(run, "SUCCEEDED", null);
    const kept = { house: { days: 30, runs: 0 } };
    await house.store.housekeeping.keepHistory({ ...kept, nowMs: Date.now() + 20 * DAY_MS });
    await house.store.housekeeping.collectObjects(0);
    assert.equal((await fetch(file.url)).status, 200);
    await house.store.housekeeping.keepHistory({ ...kept, nowMs: Date.now() + 40 * DAY_MS });
    await house.store.housekeeping.collectObjects(0);
    assert.deepEqual(await failureOf(await fetch(file.url)), [404, "OBJECT_NOT_FOUND"]);
  });

  test("is kept by a replay too", async () => {
    const { run, file } = await upload(formOf("again"));
    await owner.end(run, "SUCCEEDED", null);
    await runs().replayRun({ ...WHOLE_REPLAY, name: `workflows/-/runs/${run.runId}` });
    await house.store.objects.release({ kind: "run", id: run.runId });
    await house.store.housekeeping.collectObjects(0);
    assert.equal(await (await fetch(file.url)).text(), "again");
  });

  test("is listed with its run, and not with another one whose event names it too", async () => {
    const { run, file } = await upload(formOf("listed"));
    const listed = await runs().listRunFiles({ parent: `workflows/-/runs/${run.runId}` });
    const [shown] = listed.files;
    assert.deepEqual([listed.files.length, listed.more, shown?.origin], [1, false, runApi.RunFileOrigin.EVENT]);
    assert.deepEqual([shown?.name, shown?.size, shown?.expireTime], ["file.bin", file.size, undefined]);
    assert.equal(await (await fetch(shown!.url)).text(), "listed");
    const { name } = await startRun(JSON.stringify({ body: { file } }));
    assert.deepEqual(await runs().listRunFiles({ parent: name }), { files: [], more: false });
    const nobody = { parent: "workflows/-/runs/01890000-0000-7000-8000-000000000000" };
    await assert.rejects(runs().listRunFiles(nobody), { reason: "RUN_NOT_FOUND" });
  });

  test("of a run that is turned away leaves nothing behind", async () => {
    const before = await objectIds();
    const workflow = await deploy();
    house.onSubmit = (message) => accept(house, message, control.SubmitOutcome.QUEUE_FULL);
    const response = await fetch(workflow.triggers[0]!.url, { method: "POST", body: formOf("unwanted") });
    assert.equal(response.status, 429);
    await house.store.housekeeping.collectObjects(0);
    assert.deepEqual(await objectIds(), before);
  });

  test("that breaks off behind its first file leaves nothing behind", async () => {
    const before = await objectIds();
    const workflow = await deploy();
    const part = (content: string) => `--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n${content}`;
    const response = await fetch(workflow.triggers[0]!.url, {
      method: "POST",
      body: `${part("whole")}\r\n${part("y".repeat(1_000_000))}`,
      headers: { "content-type": "multipart/form-data; boundary=x" },
    });
    assert.deepEqual(await failureOf(response), [400, "MULTIPART_INVALID"]);
    await house.store.housekeeping.collectObjects(0);
    assert.deepEqual(await objectIds(), before);
  });
});

describe("the API of files", () => {
  async function* pieces(name: string, ...contents: string[]): AsyncGenerator<fileApi.UploadFileRequest> {
    const file = {
      name,
      contentType: "text/plain",
      size: 0,
      createTime: undefined,
      updateTime: undefined,
      directory: false,
    };
    yield { file, data: Buffer.alloc(0), last: false };
    for (const content of contents) yield { file: undefined, data: Buffer.from(content), last: false };
  }

  async function* whole(name: string, ...contents: string[]): AsyncGenerator<fileApi.UploadFileRequest> {
    yield* pieces(name, ...contents);
    yield { file: undefined, data: Buffer.alloc(0), last: true };
  }

  async function contentOf(name: string): Promise<string> {
    let content = "";
    for await (const { data } of files().downloadFile({ name })) content += data.toString();
    return content;
  }

  test("stores, lists, sends and deletes files of the caller's project alone", async () => {
    const other = files({ token: house.otherKey });
    const name = "files/api/Größe.txt";
    const saved = await files().uploadFile(whole(name, "one, ", "two"));
    assert.deepEqual([saved.name, saved.size, saved.contentType, saved.directory], [name, 8, "text/plain", false]);
    assert.equal(await contentOf(name), "one, two");
    assert.deepEqual(await files().getFile({ name }), saved);
    const list = { directory: "", recursive: false, pageSize: 0, pageToken: "" };
    assert.deepEqual(
      (await files().listFiles(list)).files.map((file) => [file.name, file.directory]),
      [["files/api/", true]],
    );
    assert.deepEqual((await other.listFiles(list)).files, []);
    await assert.rejects(other.getFile({ name }), { kind: "NotFound", reason: "FILE_NOT_FOUND" });
    await assert.rejects(other.deleteFile({ name }), { reason: "FILE_NOT_FOUND" });
    await files().deleteFile({ name });
    await assert.rejects(files().getFile({ name }), { reason: "FILE_NOT_FOUND" });
  });

  test("keeps what was there when an upload is not whole, and refuses what breaks the rules", async () => {
    const name = "files/kept.txt";
    await files().uploadFile(whole(name, "before"));
    await assert.rejects(files().uploadFile(pieces(name, "half")), {
      kind: "InvalidArgument",
      reason: "INVALID_UPLOAD",
    });
    assert.equal(await contentOf(name), "before");
    for (const bad of ["files/../up", "files/", "files/a//b"]) {
      await assert.rejects(files().uploadFile(whole(bad, "x")), { reason: "INVALID_PATH" });
    }
    await assert.rejects(files().getFile({ name: "kept.txt" }), { reason: "INVALID_NAME" });
    const ttl = { seconds: 8 * 86_400, nanos: 0 };
    await assert.rejects(files().createFileLink({ name, ttl }), { reason: "INVALID_EXPIRY" });
  });

  test("makes links that expire, and that show what the path has then", async () => {
    const name = "files/linked.txt";
    await files().uploadFile(whole(name, "first"));
    const lasting = await files().createFileLink({ name, ttl: { seconds: 60, nanos: 0 } });
    await files().uploadFile(whole(name, "second"));
    assert.equal(await (await fetch(lasting.url)).text(), "second");
    const brief = await files().createFileLink({ name, ttl: { seconds: 1, nanos: 0 } });
    await until(() => Date.now() > brief.expireTime!.getTime());
    assert.deepEqual(await failureOf(await fetch(brief.url)), [403, "FILE_LINK_EXPIRED"]);
  });
});

describe("what user code asks about files", () => {
  let number = 0;

  async function ask(
    { runId, spec }: messages.Submit,
    method: string,
    request: object,
    given: { body?: Buffer; assignment?: number; projectId?: string } = {},
  ): Promise<{ response: unknown; body: Buffer }> {
    const { projectId, workflowId, versionId } = spec;
    const { body = Buffer.alloc(0), assignment = 1 } = given;
    const claims = {
      projectId: given.projectId ?? projectId,
      workflowId,
      versionId,
      runId,
      assignment,
      runner: "runner",
    };
    const mac = (data: Uint8Array) => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest();
    const runToken = encodeRunToken({ ...claims, expiresAtMs: Date.now() + 60_000 }, mac);
    const requestJson = Buffer.from(JSON.stringify(request));
    const call = { runToken, method, path: "steps/0", number: ++number, execution: 1, requestJson, body };
    const answer = await house.channels.call().request(call, { timeoutMs: 5_000 });
    return { response: JSON.parse(answer.responseJson.toString()), body: answer.body };
  }

  async function write(run: messages.Submit, path: string, content: string, assignment = 1): Promise<unknown> {
    const object = randomUUID();
    await ask(run, "files.write", { object, position: 0 }, { body: Buffer.from(content) });
    const sha256 = createHash("sha256").update(content).digest("hex");
    const save = { path, object, size: content.length, sha256, content_type: "text/plain" };
    const saved = await ask(run, "files.save", save, { assignment });
    assert.deepEqual((await ask(run, "files.save", save, { assignment })).response, saved.response);
    return saved.response;
  }

  test("changes nothing once the run goes on elsewhere", async () => {
    const { submit } = await startRun();
    await write(submit, "fenced.txt", "first");
    await assert.rejects(write(submit, "fenced.txt", "second", 2), { reason: "ASSIGNMENT_STALE" });
    await assert.rejects(ask(submit, "files.delete", { path: "fenced.txt" }, { assignment: 2 }), {
      reason: "ASSIGNMENT_STALE",
    });
    const { token } = (await ask(submit, "files.open", { path: "fenced.txt", url: "" })).response as { token: string };
    assert.equal((await ask(submit, "files.read", { token, position: 0, length: 99 })).body.toString(), "first");
    assert.equal((await ask(submit, "files.read", { token, position: 2, length: 2 })).body.toString(), "rs");
  });

  test("reads on with what a file was when it was opened", async () => {
    const { submit } = await startRun();
    await write(submit, "replaced.txt", "old");
    const { token } = (await ask(submit, "files.open", { path: "replaced.txt", url: "" })).response as {
      token: string;
    };
    await write(submit, "replaced.txt", "newer");
    assert.equal((await ask(submit, "files.read", { token, position: 0, length: 99 })).body.toString(), "old");
  });

  test("is of its own project alone, whatever address or token it has come by", async () => {
    const { submit } = await startRun();
    await write(submit, "private.txt", "secret");
    const { file } = await upload(formOf("private"));
    const { token } = (await ask(submit, "files.open", { path: "private.txt", url: "" })).response as { token: string };
    const projectId = (await house.store.projects.ensure("other")).id;
    const asOther = (method: string, request: object) => ask(submit, method, request, { projectId });
    await assert.rejects(asOther("files.open", { path: "private.txt", url: "" }), { reason: "FILE_NOT_FOUND" });
    await assert.rejects(asOther("files.open", { url: file.url }), { reason: "FILE_LINK_FOREIGN" });
    await assert.rejects(asOther("files.read", { token, position: 0, length: 9 }), { reason: "FILE_LINK_FOREIGN" });
    const mine = (await ask(submit, "files.open", { url: file.url })).response as { token: string; size: number };
    assert.equal(mine.size, 7);
  });

  const bad: [string, string, object, string][] = [
    ["a path that leaves the store", "files.stat", { path: "../x" }, "INVALID_PATH"],
    ["no path", "files.stat", {}, "INVALID_CALL"],
    ["a token that nobody made", "files.read", { token: "x.y", position: 0, length: 1 }, "FILE_LINK_INVALID"],
    ["a negative position", "files.write", { object: randomUUID(), position: -1 }, "INVALID_CALL"],
    ["an object that is none", "files.write", { object: "x", position: 0 }, "INVALID_CALL"],
    ["a file beyond the bound", "files.write", { object: randomUUID(), position: 2 ** 40 }, "FILE_TOO_LARGE"],
  ];
  for (const [title, method, request, reason] of bad) {
    test(`is refused with ${title}`, async () => {
      const { submit } = await startRun();
      await assert.rejects(ask(submit, method, request, { body: Buffer.from("x") }), { reason });
    });
  }
});
