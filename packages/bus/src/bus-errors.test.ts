import assert from "node:assert/strict";
import { test } from "node:test";
import { errors } from "@nats-io/transport-node";
import { isRefusal, translateNatsError } from "./bus-errors.ts";

test("credentials that NATS does not take are told from a client that was too slow to show them", () => {
  const refused = new errors.AuthorizationError("Authorization Violation");
  assert.equal(isRefusal(refused), true);
  assert.equal(translateNatsError(refused, "connecting").reason, "BUS_REFUSED");
  const late = new errors.AuthorizationError("Authentication Timeout");
  assert.equal(isRefusal(late), false);
  assert.equal(translateNatsError(late, "connecting").reason, "BUS_UNAVAILABLE");
});
