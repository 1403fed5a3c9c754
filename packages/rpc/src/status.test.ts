import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { status as GrpcStatus } from "@grpc/grpc-js";
import type { ErrorKind } from "@millrace/core";
import { grpcStatusOf, httpStatusOf, kindOfGrpcStatus, kindOfHttpStatus } from "./status.ts";

/** The table that the Python side and the documentation hold to as well. */
const rows: readonly [ErrorKind, keyof typeof GrpcStatus, number][] = [
  ["InvalidArgument", "INVALID_ARGUMENT", 400],
  ["FailedPrecondition", "FAILED_PRECONDITION", 400],
  ["Unauthenticated", "UNAUTHENTICATED", 401],
  ["PermissionDenied", "PERMISSION_DENIED", 403],
  ["NotFound", "NOT_FOUND", 404],
  ["AlreadyExists", "ALREADY_EXISTS", 409],
  ["Conflict", "ABORTED", 409],
  ["ResourceExhausted", "RESOURCE_EXHAUSTED", 429],
  ["Cancelled", "CANCELLED", 499],
  ["DeadlineExceeded", "DEADLINE_EXCEEDED", 504],
  ["Unavailable", "UNAVAILABLE", 503],
  ["Internal", "INTERNAL", 500],
];

describe("the one table of errors", () => {
  for (const [kind, grpc, http] of rows) {
    test(`${kind} is ${grpc} and ${http}`, () => {
      assert.equal(grpcStatusOf(kind), GrpcStatus[grpc]);
      assert.equal(httpStatusOf(kind), http);
      assert.equal(kindOfGrpcStatus(GrpcStatus[grpc] as never), kind);
    });
  }

  test("every gRPC status means something to the house", () => {
    for (const code of Object.values(GrpcStatus)) {
      if (typeof code !== "number" || code === GrpcStatus.OK) continue;
      assert.ok(
        rows.some(([kind]) => kind === kindOfGrpcStatus(code)),
        GrpcStatus[code],
      );
    }
  });

  test("a bare HTTP status tells its class", () => {
    const kinds = Object.fromEntries(
      [400, 401, 404, 409, 413, 418, 429, 499, 502, 503, 504, 500, 302].map((code) => [code, kindOfHttpStatus(code)]),
    );
    assert.deepEqual(kinds, {
      302: "Internal",
      400: "InvalidArgument",
      401: "Unauthenticated",
      404: "NotFound",
      409: "Conflict",
      413: "InvalidArgument",
      418: "InvalidArgument",
      429: "ResourceExhausted",
      499: "Cancelled",
      500: "Internal",
      502: "Unavailable",
      503: "Unavailable",
      504: "DeadlineExceeded",
    });
  });
});
