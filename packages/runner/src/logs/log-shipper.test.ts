import assert from "node:assert/strict";
import { test } from "node:test";

import { type control, step } from "@millrace/protocol";

import { type LogSource, LogShipper } from "./log-shipper.ts";
import { RunSecrets } from "./run-secrets.ts";
import { MASK, SecretMatcher } from "./secret-matcher.ts";

function source(runId: string, secrets: string[] = []): LogSource {
  const handing = { partition: 1, runId, assignment: 1 };
  return {
    handing,
    projectId: "p",
    workflowId: "w",
    runToken: "t",
    secrets: new RunSecrets(new SecretMatcher(secrets)),
  };
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
  const shipper = new LogShipper({ publish: (batch) => batches.push(batch) > 0, losses: { lines: 0 } }, limits);
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

const { STDOUT, STDERR, ERROR, SYSTEM } = step.LogStream;

/** Lines as `stream, text, continued`, numbered from 1. */
function pieces(...given: [step.LogStream, string, boolean][]): step.LogLine[] {
  return given.map(([stream, text, continued], index) => ({
    ...{ sequence: index + 1, time: undefined, path: "steps/0" },
    ...{ stream, text, continued },
  }));
}

const SECRET = "0123456789-secret-9876543210";

test("masks a secret that reaches from one piece of a line into the next, and keeps the order of lines", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 100_000 });
  const run = source("a", [SECRET]);
  const [head, middle, tail] = [SECRET.slice(0, 5), SECRET.slice(5, 20), SECRET.slice(20)];
  shipper.add(run, pieces([STDOUT, `out ${head}`, true], [STDERR, `err ${head}`, true]));
  shipper.flushAll();
  assert.equal(batches.length, 0, "nothing leaves before its line is complete");
  shipper.add(run, pieces([SYSTEM, "a note", false], [STDOUT, middle, true], [STDERR, `${middle}${tail}!`, false]));
  shipper.add(run, pieces([STDOUT, `${tail} end`, false], [STDOUT, "next", false]));
  shipper.flushAll();
  const texts = batches.flatMap((batch) => batch.lines.map(({ text }) => text));
  assert.deepEqual(texts, [`out ${MASK}`, `err ${MASK}`, "a note", "", "!", " end", "next"]);
  assert.equal(run.split, undefined);
});

test("masks the beginning of a secret whose rest never comes, and the rest of one whose beginning has left", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 10_000_000 });
  const run = source("a", [SECRET]);
  shipper.add(run, pieces([STDOUT, `x ${SECRET.slice(0, 12)}`, true]));
  shipper.flush(run);
  assert.deepEqual(batches[0]!.lines[0]!.text, `x ${MASK}`);
  const long = "y".repeat(16_000);
  for (let n = 0; n < 33; n++) shipper.add(run, pieces([STDOUT, long.slice(0, -12) + SECRET.slice(0, 12), true]));
  shipper.add(run, pieces([STDOUT, `${SECRET.slice(12)} z`, false]));
  shipper.flushAll();
  const text = batches
    .slice(1)
    .flatMap((batch) => batch.lines)
    .map((line) => line.text)
    .join("");
  assert.ok(text.endsWith(`${MASK} z`), text.slice(-60));
  assert.ok(!text.includes(SECRET.slice(12)));
});

test("masks what the shortening of an error has left of a secret", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 10_000 });
  const run = source("a", [SECRET]);
  const gap = "\n… 9 bytes left out …\n";
  shipper.add(run, pieces([ERROR, `ValueError: ${SECRET.slice(0, 14)}${gap}${SECRET.slice(-10)}`, false]));
  shipper.flush(run);
  assert.equal(batches[0]!.lines[0]!.text, `ValueError: ${MASK}${gap}${MASK}`);
});

test("holds nothing back of a run without secrets", () => {
  const { batches, shipper } = scene({ flushAfterMs: 10_000, batchBytesMax: 10_000 });
  shipper.add(source("a"), pieces([STDOUT, "long", true]));
  shipper.flushAll();
  assert.equal(batches[0]!.lines[0]!.text, "long");
});
