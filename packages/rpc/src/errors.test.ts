import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PlatformError } from "@millrace/core";
import { fromServiceError, toGrpcFailure, toHttpFailure } from "./errors.ts";
import { decodeStatusDetails, encodeStatusDetails } from "./status-details.ts";

const full = new PlatformError("ResourceExhausted", "QUEUE_FULL", "the queue is full", {
  metadata: { workflow: "w-1", retryDelayMs: "2500" },
});

function roundTrip(error: unknown): PlatformError {
  const failure = toGrpcFailure(error, "request-1");
  return fromServiceError(Object.assign(new Error("8 RESOURCE_EXHAUSTED"), failure));
}

describe("errors on the wire", () => {
  test("keep kind, reason, message and metadata from server to client", () => {
    const back = roundTrip(full);
    assert.deepEqual([back.kind, back.reason, back.message], ["ResourceExhausted", "QUEUE_FULL", "the queue is full"]);
    assert.deepEqual(back.metadata, { workflow: "w-1", requestId: "request-1", retryDelayMs: "2500" });
  });

  test("never show what went wrong inside", () => {
    const bug = new TypeError("password hunter2 is not a function");
    for (const thrown of [
      bug,
      new PlatformError("Internal", "INVARIANT_BROKEN", "hunter2", { metadata: { secret: "hunter2" } }),
    ]) {
      const back = roundTrip(thrown);
      assert.equal(back.kind, "Internal");
      assert.match(back.message, /request-1/);
      assert.ok(!JSON.stringify([back.message, back.metadata, toHttpFailure(thrown, "request-1")]).includes("hunter2"));
    }
  });

  test("leave the words of a database that does not answer to its operators", () => {
    const away = new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "too many connections for database hunter2");
    assert.ok(!JSON.stringify([roundTrip(away).message, toHttpFailure(away, "request-1")]).includes("hunter2"));
  });

  test("say when to try again, in gRPC and in HTTP", () => {
    const { status, headers, body } = toHttpFailure(full, "request-1");
    assert.equal(status, 429);
    assert.equal(headers["retry-after"], "3");
    assert.equal(headers["x-request-id"], "request-1");
    assert.deepEqual(body, {
      error: {
        code: 429,
        status: "RESOURCE_EXHAUSTED",
        message: "the queue is full",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "QUEUE_FULL",
            domain: "millrace",
            metadata: { workflow: "w-1", requestId: "request-1" },
          },
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "2.5s" },
        ],
      },
    });
    assert.equal(
      roundTrip(new PlatformError("Unavailable", "DATABASE_AWAY", "later")).metadata["retryDelayMs"],
      "1000",
    );
    assert.equal(roundTrip(new PlatformError("NotFound", "RUN_NOT_FOUND", "no")).metadata["retryDelayMs"], undefined);
  });

  test("are the standard messages, which other clients read too", () => {
    const details = {
      code: 5,
      message: "né",
      info: { reason: "R", domain: "d", metadata: { a: "1", b: "" } },
      retryDelayMs: 61_250,
    };
    assert.deepEqual(decodeStatusDetails(encodeStatusDetails(details)), details);
    const bare = { code: 3, message: "", info: undefined, retryDelayMs: undefined };
    assert.deepEqual(decodeStatusDetails(encodeStatusDetails(bare)), bare);
  });

  test("survive details that are garbage", () => {
    assert.equal(decodeStatusDetails(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), undefined);
    const error = fromServiceError(
      Object.assign(new Error("x"), { code: 14, details: "no connection", metadata: undefined }),
    );
    assert.deepEqual([error.kind, error.reason, error.message], ["Unavailable", "UNAVAILABLE", "no connection"]);
    assert.equal(fromServiceError(new Error("plain")).kind, "Internal");
  });
});
