import assert from "node:assert/strict";
import { test } from "node:test";
import { ANYONE, poolOf, runnerOf, subjects } from "./subjects.ts";

test("subjects are what the messages' table says", () => {
  assert.equal(subjects.partition(17, "submit"), "millrace.p.17.submit");
  assert.equal(subjects.runner("r-1", "assign"), "millrace.r.r-1.assign");
  assert.equal(subjects.gateway("g_1", "accepted"), "millrace.g.g_1.accepted");
  assert.equal(subjects.service("version", "r-1"), "millrace.svc.version.r-1");
  assert.equal(subjects.runnerToOwner(17, "checkpoint", "r-1"), "millrace.p.17.checkpoint.r-1");
  assert.equal(subjects.runnerToGateway("g_1", "answer", ANYONE), "millrace.g.g_1.answer.*");
  assert.equal(subjects.heartbeat("gpu", "r-1"), "millrace.schedulers.heartbeat.gpu.r-1");
  assert.equal(subjects.definitions(), "millrace.definitions");
  assert.equal(subjects.logs(3, "0198", "r-1"), "millrace.logs.3.0198.r-1");
  assert.equal(subjects.logsOfRun("0198"), "millrace.logs.*.0198.*");
});

test("a runner's message says who sent it, and of which pool", () => {
  const subject = subjects.heartbeat("gpu", "r-1");
  assert.equal(runnerOf(subject), "r-1");
  assert.equal(poolOf(subject), "gpu");
});

test("a name that would address others is refused", () => {
  for (const name of ["", "a.b", "*", ">", "a b", "a\r\nPUB x 0", "x".repeat(129)]) {
    assert.throws(() => subjects.runner(name, "assign"), { kind: "InvalidArgument", reason: "INVALID_SUBJECT_TOKEN" });
    if (name !== ANYONE) assert.throws(() => subjects.service("call", name), { reason: "INVALID_SUBJECT_TOKEN" });
    assert.throws(() => subjects.logs(1, name, "r-1"), { reason: "INVALID_SUBJECT_TOKEN" });
  }
});
