import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

test("so many of one name go on at the same time, in order, and others are not held up", async () => {
  const turns = new Turns(2);
  const begun: string[] = [];
  const gates = new Map<string, () => void>();
  const begin = (name: string, what: string) =>
    turns.take(name, () => {
      begun.push(what);
      return new Promise<string>((resolve) => gates.set(what, () => resolve(what)));
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const all = [begin("a", "a1"), begin("a", "a2"), begin("a", "a3"), begin("a", "a4"), begin("b", "b1")];
  await settle();
  assert.deepEqual(begun, ["a1", "a2", "b1"]);
  gates.get("a2")!();
  await settle();
  assert.deepEqual(begun, ["a1", "a2", "b1", "a3"]);
  for (const what of ["a1", "b1", "a3"]) gates.get(what)!();
  await settle();
  gates.get("a4")!();
  assert.deepEqual(await Promise.all(all), ["a1", "a2", "a3", "a4", "b1"]);
  await assert.rejects(
    turns.take("a", () => Promise.reject(new RangeError("no"))),
    RangeError,
  );
  const again = [begin("a", "a5"), begin("a", "a6")];
  await settle();
  assert.deepEqual(begun.slice(-2), ["a5", "a6"], "a failure gives its turn back");
  gates.get("a5")!();
  gates.get("a6")!();
  await Promise.all(again);
});
