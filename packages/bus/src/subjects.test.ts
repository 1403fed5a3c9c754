import assert from "node:assert/strict";
import { test } from "node:test";
import { subjects } from "./subjects.ts";

test("subjects are what the messages' table says", () => {
  assert.equal(subjects.partition(17, "submit"), "millrace.p.17.submit");
  assert.equal(subjects.runner("r-1", "assign"), "millrace.r.r-1.assign");
  assert.equal(subjects.gateway("g_1", "accepted"), "millrace.g.g_1.accepted");
  assert.equal(subjects.service("version"), "millrace.svc.version");
  assert.equal(subjects.heartbeat(), "millrace.schedulers.heartbeat");
  assert.equal(subjects.definitions(), "millrace.definitions");
  assert.equal(subjects.logs(3, "0198"), "millrace.logs.3.0198");
  assert.equal(subjects.logsOfRun("0198"), "millrace.logs.*.0198");
});

test("a name that would address others is refused", () => {
  for (const name of ["", "a.b", "*", ">", "a b", "a\r\nPUB x 0", "x".repeat(129)]) {
    assert.throws(() => subjects.runner(name, "assign"), { kind: "InvalidArgument", reason: "INVALID_SUBJECT_TOKEN" });
    assert.throws(() => subjects.logs(1, name), { reason: "INVALID_SUBJECT_TOKEN" });
  }
});
