import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { describe, test } from "node:test";
import { control } from "@millrace/protocol";
import {
  accept,
  answer,
  ask,
  BODY_LIMIT,
  channels,
  deploy,
  end,
  errorOf,
  gateways,
  house,
  projectId,
  raw,
  rawRequest,
  release,
  statusesOf,
  useGateways,
  withHost,
} from "../harness/scripted-gateways.ts";
import { ownerOf } from "../harness/test-gateway.ts";
import { until } from "../harness/until.ts";

useGateways();

describe("a trigger", () => {
  test("answers at once when the run is accepted, and submits the request as its event", async () => {
    const { workflow, path } = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    const body = '{"id": 9007199254740993, "__proto__": 1}';
    const response = await ask(`${path}/a/b?q=1&q=2`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", "X-Own": "1" },
    });
    assert.equal(response.status, 200);
    const [submit] = submits;
    assert.deepEqual(await response.json(), { status: "accepted", run: submit!.runId });
    assert.equal(response.headers.get("content-security-policy"), "sandbox");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const eventText = submit!.input!.eventJson.toString();
    assert.ok(eventText.includes(`"body":${body}`), eventText);
    const event = JSON.parse(eventText) as Record<string, unknown>;
    assert.equal(event["path"], "/a/b");
    assert.deepEqual(event["query"], { q: ["1", "2"] });
    assert.equal((event["headers"] as Record<string, string>)["x-own"], "1");
    assert.equal(event["client_ip"], "127.0.0.1");
    assert.ok((event["url"] as string).endsWith(`${path}/a/b?q=1&q=2`));
    assert.equal(submit!.input!.eventFallsBackToBody, true);
    const context = JSON.parse(submit!.input!.contextJson.toString()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(context), [
      "id",
      "trace_id",
      "ts",
      "workflow_id",
      "workflow_name",
      "deployment_id",
      "replay",
    ]);
    assert.equal(context["id"], submit!.runId);
    assert.equal(context["workflow_id"], workflow.id);
    assert.equal(context["deployment_id"], workflow.versionId);
    assert.equal(context["replay"], false);
    assert.match(context["trace_id"] as string, /^[0-9a-f]{32}$/);
    assert.equal(submit!.spec!.projectId, projectId);
    assert.equal(submit!.wantsAnswer, false);
  });

  test("hands over the body alone when its settings say so", async () => {
    const { path } = await deploy({ event: "body" });
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    await ask(path, { method: "PUT", body: "plain" });
    assert.equal(submits[0]!.input!.eventJson.toString(), '"plain"');
    const context = JSON.parse(submits[0]!.input!.contextJson.toString()) as { request: { method: string } };
    assert.equal(context.request.method, "PUT");
  });

  test("continues its caller's trace", async () => {
    const { path } = await deploy();
    const submits: control.Submit[] = [];
    house.onSubmit = (submit) => {
      submits.push(submit);
      accept(submit);
    };
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    await ask(path, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    await ask(path, { headers: { traceparent: "no trace parent" } });
    assert.equal(submits[0]!.input!.traceId, traceId);
    assert.notEqual(submits[1]!.input!.traceId, traceId);
  });

  test("gives the answer of its settings", async () => {
    const { path } = await deploy({
      respond: "static",
      response: { status: 202, headers: { "X-A": "b" }, body: { ok: 1 } },
    });
    house.onSubmit = (submit) => accept(submit);
    const response = await ask(path);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-a"), "b");
    assert.deepEqual(await response.json(), { ok: 1 });
  });

  test("answers when the owner says that the answer's checkpoint is committed", async () => {
    const { path } = await deploy({ respond: "workflow" });
    let submitted: control.Submit | undefined;
    house.onSubmit = (submit) => {
      submitted ??= submit;
    };
    let response: Response | undefined;
    void ask(path).then((it) => (response = it));
    await until(() => submitted !== undefined);
    await house.bus.flush();
    assert.equal(response, undefined);
    release(submitted!, { status: 201, headers: [{ name: "Set-Cookie", value: "a=b" }] });
    await until(() => response !== undefined);
    assert.equal(response!.status, 201);
    assert.equal(response!.headers.get("set-cookie"), null);
    assert.equal(await response!.text(), "answer");
  });

  test("passes an immediate answer of the current assignment on, and of no other", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => {
      accept(submit);
      channels.reassigned(submit.gateway).send({ owner: ownerOf(submit), runId: submit.runId, assignment: 2 });
      answer(submit, "old", 1);
      answer(submit, "new", 2);
    };
    assert.equal(await (await ask(path)).text(), "new");
  });

  const ends: [control.RunState, number, string][] = [
    [control.RunState.SUCCEEDED, 400, "NO_RESPONSE"],
    [control.RunState.FAILED, 500, "RUN_FAILED"],
    [control.RunState.CANCELLED, 400, "RUN_CANCELLED"],
  ];
  for (const [state, status, reason] of ends) {
    test(`says ${reason} when the run ended without an answer`, async () => {
      const { path } = await deploy({ respond: "workflow" });
      let runId = "";
      house.onSubmit = (submit) => {
        ({ runId } = submit);
        accept(submit);
        end(submit, state);
      };
      const response = await ask(path);
      assert.equal(response.status, status);
      const error = await errorOf(response);
      assert.equal(error.reason, reason);
      assert.equal(error.run, runId);
    });
  }

  test("says that the wait is over and lets the run go on", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const response = await ask(path);
    assert.equal(response.status, 504);
    assert.equal((await errorOf(response)).reason, "WAIT_OVER");
    assert.equal(gateways[0]!.waitingCount(), 0);
  });

  test("repeats a submit until it is acknowledged", async () => {
    const { path } = await deploy();
    const runIds: string[] = [];
    house.onSubmit = (submit) => {
      runIds.push(submit.runId);
      if (runIds.length === 3) accept(submit);
    };
    assert.equal((await ask(path)).status, 200);
    assert.equal(runIds.length, 3);
    assert.equal(new Set(runIds).size, 1);
  });

  test("says 503 when nobody acknowledges, 429 when the queue is full, both with a time to try again", async () => {
    const { path } = await deploy();
    const silence = await ask(path);
    assert.equal(silence.status, 503);
    assert.ok(Number(silence.headers.get("retry-after")) > 0);
    assert.equal((await errorOf(silence)).reason, "SUBMIT_UNACKNOWLEDGED");
    house.onSubmit = (submit) => accept(submit, control.SubmitOutcome.QUEUE_FULL);
    const full = await ask(path);
    assert.equal(full.status, 429);
    assert.ok(Number(full.headers.get("retry-after")) > 0);
    assert.equal((await errorOf(full)).reason, "QUEUE_FULL");
  });

  test("says 503 when too many callers wait already", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const waiting = Array.from({ length: 5 }, () => ask(path));
    await until(() => gateways[0]!.waitingCount() === 5);
    const response = await ask(path);
    assert.equal(response.status, 503);
    assert.equal((await errorOf(response)).reason, "GATEWAY_BUSY");
    for (const one of await Promise.all(waiting)) assert.equal(one.status, 504);
  });

  test("says 503 when the bodies of all callers together are too large, and has room again when they are gone", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => accept(submit);
    const post = () => ask(path, { method: "POST", body: "x".repeat(0.9 * BODY_LIMIT) });
    const waiting = [post(), post()];
    await until(() => gateways[0]!.waitingCount() === 2);
    const response = await post();
    assert.equal(response.status, 503);
    assert.equal((await errorOf(response)).reason, "GATEWAY_BUSY");
    for (const one of await Promise.all(waiting)) assert.equal(one.status, 504);
    assert.equal((await post()).status, 504);
  });

  test("forgets a caller that has left", async () => {
    const { path } = await deploy({ respond: "workflow" });
    let accepted = false;
    house.onSubmit = (submit) => {
      accept(submit);
      accepted = true;
    };
    const leaving = new AbortController();
    const response = ask(path, { signal: leaving.signal });
    await until(() => accepted && gateways[0]!.waitingCount() === 1);
    leaving.abort();
    await assert.rejects(response);
    await until(() => gateways[0]!.waitingCount() === 0, 350);
  });

  test("answers HEAD, 204 and 304 without a body, and keeps the connection", async () => {
    const { path } = await deploy({ respond: "workflow" });
    house.onSubmit = (submit) => {
      accept(submit);
      const { query } = JSON.parse(submit.input!.eventJson.toString()) as { query: { status: string } };
      release(submit, { status: Number(query.status), body: Buffer.from("not empty") });
    };
    const head = await ask(`${path}?status=200`, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "9");
    assert.equal(await head.text(), "");
    const lines = await raw(
      [`GET ${path}?status=204`, `GET ${path}?status=304`, `GET ${path}?status=200`].map(withHost).join(""),
      3,
    );
    assert.deepEqual(statusesOf(lines), ["204", "304", "200"]);
    assert.doesNotMatch(lines.split("HTTP/1.1 200")[0]!, /not empty/);
  });

  test("answers a browser's question before the request, and any other OPTIONS starts a run", async () => {
    const { path } = await deploy();
    let submits = 0;
    house.onSubmit = (submit) => {
      submits++;
      accept(submit);
    };
    const headers = {
      origin: "https://a.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-a",
    };
    const preflight = await rawRequest(path, "OPTIONS", headers);
    assert.match(preflight, /^HTTP\/1.1 204/);
    assert.match(preflight, /access-control-allow-origin: \*/i);
    assert.match(preflight, /access-control-allow-headers: x-a/i);
    assert.equal(submits, 0);
    assert.match(await rawRequest(path, "OPTIONS", {}), /^HTTP\/1.1 200/);
    assert.equal(submits, 1);
  });
});

describe("bad requests", () => {
  test("find nothing where there is no trigger, whatever the path", async () => {
    for (const path of ["/t/unknown", "/t/", "/t", "/%00", "/t/..%2f..%2fetc"]) {
      assert.equal((await ask(path)).status, 404, path);
    }
    assert.equal((await ask("/")).status, 200);
    const wellKnown = (await (await ask("/.well-known/millrace")).json()) as { grpc: string };
    assert.equal(wellKnown.grpc, `127.0.0.1:${gateways[0]!.grpcPort}`);
  });

  test("get 413 and a closed connection for a body that is too large, announced or not", async () => {
    const { path } = await deploy();
    const announced = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY_LIMIT + 1}\r\n\r\n{"a":`);
    assert.match(announced, /^HTTP\/1.1 413/);
    assert.match(announced, /connection: close/i);
    assert.match(announced, /BODY_TOO_LARGE/);
    const chunk = `${(60_000).toString(16)}\r\n${"x".repeat(60_000)}\r\n`;
    const chunked = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}${chunk}`);
    assert.match(chunked, /^HTTP\/1.1 413/);
    assert.equal(statusesOf(chunked).length, 1);
  });

  test("let a client that sends a large body to its end read why it is refused", async () => {
    const { path } = await deploy();
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port: gateways[0]!.httpPort, path, method: "POST" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on("error", reject);
      request.end(Buffer.alloc(20 * BODY_LIMIT));
    });
    assert.equal(status, 413);
  });

  const smuggled: [string, string][] = [
    ["both lengths", "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two lengths", "content-length: 4\r\ncontent-length: 5\r\n\r\nabcde"],
    ["a length that is no number", "content-length: 4x\r\n\r\nabcd"],
    ["an odd encoding", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"],
    ["a header with a bare line break", "x-a: b\nx-c: d\r\n\0: e\r\n\r\n"],
  ];
  for (const [title, rest] of smuggled) {
    test(`are refused with ${title}`, async () => {
      const { path } = await deploy();
      let submits = 0;
      house.onSubmit = (submit) => {
        submits++;
        accept(submit);
      };
      const text = await raw(`POST ${path} HTTP/1.1\r\nhost: x\r\n${rest}`);
      assert.match(text, /^HTTP\/1.1 400/);
      assert.equal(submits, 0);
    });
  }

  test("get 431 for headers that are too large, and 408 when they come too slowly", async () => {
    assert.match(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(70_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
    assert.match(await raw("GET / HTTP/1.1\r\nhost: x\r\nx-a: "), /^HTTP\/1.1 408/);
  });

  test("get 400 for JSON that no step could read", async () => {
    const { path } = await deploy();
    const headers = { "content-type": "application/json" };
    const deep = await ask(path, { method: "POST", headers, body: `${"[".repeat(40_000)}${"]".repeat(40_000)}` });
    assert.equal(deep.status, 400);
    assert.equal((await errorOf(deep)).reason, "JSON_TOO_DEEP");
  });
});
