import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";

import type { session } from "@millrace/protocol";
import { OutgoingFrames } from "./session-stream.ts";

const MIB = 1024 * 1024;

function result(number: number): session.HostCallResult {
  const assignment = { runId: "r", number: 1 };
  return {
    assignment,
    path: "steps/0",
    number,
    responseJson: Buffer.from("1"),
    body: Buffer.alloc(MIB),
    error: undefined,
  };
}

function scene(bytesMax: number) {
  const written: number[][] = [];
  let overflows = 0;
  const sink = {
    write: ({ frames }: session.SessionResponse) => {
      written.push(frames.map(({ frame }) => (frame!.value as session.HostCallResult).number));
      return written.length !== 1;
    },
  };
  const outgoing = new OutgoingFrames(sink, { framesMax: 1000, bytesMax }, () => overflows++);
  const send = (number: number) => outgoing.send({ $case: "callResult", value: result(number) });
  return { outgoing, send, written, overflows: () => overflows };
}

test("what the platform has answered fills messages like anything else, and keeps its order", async () => {
  const { outgoing, send, written } = scene(100 * MIB);
  for (let number = 1; number <= 8; number++) send(number);
  await turn();
  outgoing.drained();
  assert.deepEqual(written, [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8],
  ]);
});

test("a worker that does not read is given up before its answers fill the memory", async () => {
  const { send, overflows } = scene(10 * MIB);
  for (let number = 1; number <= 9; number++) send(number);
  assert.equal(overflows(), 0);
  for (let number = 10; number <= 20; number++) send(number);
  assert.equal(overflows(), 1);
});
