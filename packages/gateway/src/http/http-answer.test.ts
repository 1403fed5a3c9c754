import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import { acceptedAnswer, noAnswer, platformAnswer, staticAnswer, stepAnswer, type HttpAnswer } from "./http-answer.ts";
import { httpStatusOf } from "./http-status.ts";

const RUN = "0192d3c4-0000-7000-8000-000000000000";

function valuesOf({ headers }: HttpAnswer, name: string): string[] {
  return headers.filter((value, i) => i % 2 === 1 && headers[i - 1]!.toLowerCase() === name && value !== undefined);
}

function answerWith(headers: [string, string][], body: string | Buffer = "x", status = 200): HttpAnswer {
  const pairs = headers.map(([name, value]) => ({ name, value }));
  return stepAnswer({ status, headers: pairs, body: Buffer.from(body), immediate: false }, RUN);
}

describe("stepAnswer", () => {
  it("carries the step's status, headers and body, and what keeps a browser from running it", () => {
    const answer = answerWith(
      [
        ["Content-Type", "text/html"],
        ["X-A", "1"],
        ["x-a", "2"],
      ],
      "<p>",
      201,
    );
    assert.equal(answer.status, 201);
    assert.deepEqual(valuesOf(answer, "content-type"), ["text/html"]);
    assert.deepEqual(valuesOf(answer, "x-a"), ["1", "2"]);
    assert.deepEqual(valuesOf(answer, "content-security-policy"), ["sandbox"]);
    assert.deepEqual(valuesOf(answer, "x-content-type-options"), ["nosniff"]);
    assert.deepEqual(valuesOf(answer, "millrace-run"), [RUN]);
    assert.equal(answer.body.toString(), "<p>");
  });

  it("cannot undo the sandbox", () => {
    const answer = answerWith([
      ["Content-Security-Policy", "default-src *"],
      ["X-Content-Type-Options", "sniff"],
    ]);
    assert.deepEqual(valuesOf(answer, "content-security-policy"), ["default-src *", "sandbox"]);
    assert.deepEqual(valuesOf(answer, "x-content-type-options"), ["nosniff"]);
  });

  const dropped: [string, string][] = [
    ["Connection", "keep-alive"],
    ["Transfer-Encoding", "chunked"],
    ["Content-Length", "0"],
    ["Upgrade", "websocket"],
    ["Set-Cookie", "session=stolen"],
    ["SET-COOKIE", "session=stolen"],
    ["Strict-Transport-Security", "max-age=1"],
    ["Clear-Site-Data", "*"],
    ["Service-Worker-Allowed", "/"],
    ["X-Split", "a\r\nSet-Cookie: b=c"],
    ["X-Nul", "a\0b"],
    ["X-Wide", "\u0100"],
    ["X Bad", "a"],
    ["X-Bad\r\nX-Other", "a"],
    ["", "a"],
    [":status", "500"],
  ];
  for (const [name, value] of dropped) {
    it(`drops ${JSON.stringify(name)}: ${JSON.stringify(value)}`, () => {
      const own = answerWith([]);
      assert.deepEqual(answerWith([[name, value]]), own);
    });
  }

  it("gives an answer without a type one that no browser guesses about", () => {
    assert.deepEqual(valuesOf(answerWith([], "hällo"), "content-type"), ["text/plain; charset=utf-8"]);
    assert.deepEqual(valuesOf(answerWith([], Buffer.from([0xff])), "content-type"), ["application/octet-stream"]);
    assert.deepEqual(valuesOf(answerWith([], ""), "content-type"), []);
  });

  for (const status of [99, 100, 101, 199, 600, 1000, 200.5, Number.NaN, 0]) {
    it(`turns the status ${status} into an error that names the run`, () => {
      const answer = answerWith([], "x", status);
      assert.equal(answer.status, 500);
      assert.equal(errorOf(answer).reason, "INVALID_RESPONSE");
      assert.equal(errorOf(answer).run, RUN);
    });
  }

  it("lets pages of any origin read it unless the step says otherwise", () => {
    assert.deepEqual(valuesOf(answerWith([]), "access-control-allow-origin"), ["*"]);
    const own = answerWith([["Access-Control-Allow-Origin", "https://a.example"]]);
    assert.deepEqual(valuesOf(own, "access-control-allow-origin"), ["https://a.example"]);
  });
});

function errorOf({ body }: HttpAnswer): { reason: string; message: string; run?: string } {
  return (JSON.parse(body.toString()) as { error: { reason: string; message: string; run?: string } }).error;
}

describe("other answers", () => {
  it("name the run when it is accepted", () => {
    const answer = acceptedAnswer(RUN);
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body.toString()), { status: "accepted", run: RUN });
  });

  it("give a static trigger's answer", () => {
    const answer = staticAnswer({ status: 202, headers: [{ name: "x-a", value: "b" }], body: "ok" }, RUN);
    assert.equal(answer.status, 202);
    assert.deepEqual(valuesOf(answer, "x-a"), ["b"]);
    assert.equal(answer.body.toString(), "ok");
  });

  const causes = [
    ["NO_RESPONSE", 400],
    ["RUN_PAUSED", 400],
    ["RUN_FAILED", 500],
    ["RUN_CANCELLED", 400],
    ["WAIT_OVER", 504],
  ] as const;
  for (const [cause, status] of causes) {
    it(`say ${status} for ${cause}, naming the run`, () => {
      const answer = noAnswer(cause, RUN);
      assert.equal(answer.status, status);
      assert.equal(errorOf(answer).reason, cause);
      assert.equal(errorOf(answer).run, RUN);
    });
  }

  const errors: [PlatformError, number, boolean][] = [
    [new PlatformError("ResourceExhausted", "QUEUE_FULL", "full"), 429, true],
    [new PlatformError("ResourceExhausted", "GATEWAY_BUSY", "busy"), 503, true],
    [new PlatformError("ResourceExhausted", "OVERLOADED", "too many"), 503, true],
    [new PlatformError("Unavailable", "SUBMIT_UNACKNOWLEDGED", "late"), 503, true],
    [new PlatformError("InvalidArgument", "BODY_TOO_LARGE", "large"), 413, false],
    [new PlatformError("InvalidArgument", "JSON_TOO_DEEP", "deep"), 400, false],
  ];
  for (const [error, status, retry] of errors) {
    it(`say ${status} for ${error.reason}`, () => {
      assert.equal(httpStatusOf(error), status);
      const answer = platformAnswer(error, httpStatusOf(error));
      assert.equal(valuesOf(answer, "retry-after").length, retry ? 1 : 0);
    });
  }

  it("keep the house's insides to itself", () => {
    const answer = platformAnswer(new PlatformError("Internal", "INTERNAL", "postgres://user:password@host"), 500);
    assert.doesNotMatch(answer.body.toString(), /password/);
    const away = new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "connect ECONNREFUSED 10.1.2.3:5432");
    assert.doesNotMatch(platformAnswer(away, 503).body.toString(), /10\.1/);
  });
});
