import assert from "node:assert/strict";
import { test } from "node:test";

import { ByteGate } from "./byte-gate.ts";

test("lets in what fits, in order, and what is too large when it is alone", async () => {
  const gate = new ByteGate(10);
  const entered: string[] = [];
  const enter = async (name: string, bytes: number): Promise<void> => {
    await gate.enter(bytes);
    entered.push(name);
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  void enter("a", 6);
  void enter("b", 4);
  void enter("huge", 25);
  void enter("c", 1);
  await turn();
  assert.deepEqual(entered, ["a", "b"]);
  gate.leave(6);
  await turn();
  assert.deepEqual(entered, ["a", "b"], "c does not pass what came before it");
  gate.leave(4);
  await turn();
  assert.deepEqual(entered, ["a", "b", "huge"]);
  gate.leave(25);
  await turn();
  assert.deepEqual(entered, ["a", "b", "huge", "c"]);
});
