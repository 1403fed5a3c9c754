import assert from "node:assert/strict";
import { test } from "node:test";

import { type control, step } from "@millrace/protocol";

import { type LogSource, LogShipper } from "./log-shipper.ts";
import { MASK, SecretMatcher } from "./secret-matcher.ts";

function source(runId: string, secrets: string[] = []): LogSource {
  const handing = { partition: 1, runId, assignment: 1 };
  return { handing, projectId: "p", workflowId: "w", secrets: new SecretMatcher(secrets) };
}

function lines(...texts: string[]): step.LogLine[] {
  return texts.map((text, index) => ({
    sequence: index + 1,
    time: undefined,
    stream: step.LogStream.STDOUT,
    path: "steps/0",
    text,
    continued: false,
  }));
}

function scene(limits = { flushAfterMs: 5, batchBytesMax: 1000 }) {
  const batches: control.LogBatch[] = [];
  const shipper = new LogShipper({ publish: (batch) => batches.push(batch) > 0 }, limits);
  return { batches, shipper };
}

test("sends the lines of a run together after a moment, masked", async () => {
  const { batches, shipper } = scene();
  const run = source("a", ["hush-hush"]);
  shipper.add(run, lines("one", "hush-hush!"));
  shipper.add(run, lines("three"));
  shipper.add(source("b"), lines("other"));
  assert.equal(batches.length, 0);
  while (batches.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(
    batches.map((batch) => [batch.handing!.runId, batch.lines.map((line) => line.text)]),
    [
      ["a", ["one", `${MASK}!`, "three"]],
      ["b", ["other"]],
    ],
  );
});

test("sends a run's lines at once when its step ends, and nothing twice", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 1000 });
  const run = source("a");
  shipper.add(run, lines("one"));
  shipper.flush(run);
  shipper.flush(run);
  shipper.flushAll();
  assert.equal(batches.length, 1);
});

test("sends a large batch without waiting", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 1000 });
  shipper.add(source("a"), lines(...Array.from({ length: 5 }, () => "x".repeat(400))));
  assert.deepEqual(
    batches.map((batch) => batch.lines.length),
    [3],
  );
  shipper.flushAll();
  assert.equal(batches[1]!.lines.length, 2);
});
