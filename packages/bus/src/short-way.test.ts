import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ShortWay } from "./short-way.ts";

function receiver(isMeant: () => boolean = () => true) {
  const got: unknown[] = [];
  return { got, isMeant, receive: (message: unknown): void => void got.push(message) };
}

describe("the short way", () => {
  test("hands the very objects on, in their order and in a later turn", async () => {
    const way = new ShortWay();
    const one = receiver();
    way.listen("a", one);
    const messages = [{ n: 1 }, { n: 2 }, { n: 3 }];
    for (const message of messages) assert.equal(way.send("a", message, undefined), true);
    assert.deepEqual(one.got, []);
    await turn();
    assert.ok(one.got.length === 3 && one.got.every((message, index) => message === messages[index]));
  });

  test("is not taken where nobody is meant, or more than one", () => {
    const way = new ShortWay();
    let isOwned = true;
    const stop = way.listen(
      "a",
      receiver(() => isOwned),
    );
    assert.equal(way.send("b", {}, undefined), false);
    isOwned = false;
    assert.equal(way.send("a", {}, undefined), false);
    isOwned = true;
    const stopSecond = way.listen("a", receiver());
    assert.equal(way.send("a", {}, undefined), false);
    stopSecond();
    assert.equal(way.send("a", {}, undefined), true);
    stop();
    assert.equal(way.send("a", {}, undefined), false);
  });

  test("hands nothing to who has stopped listening meanwhile", async () => {
    const way = new ShortWay();
    const one = receiver();
    const stop = way.listen("a", one);
    way.send("a", {}, undefined);
    stop();
    await turn();
    assert.deepEqual(one.got, []);
  });

  test("leaves room for others between many messages, and takes no more than its bound", async () => {
    const way = new ShortWay();
    const one = receiver();
    way.listen("a", one);
    let taken = 0;
    while (way.send("a", taken, undefined)) taken++;
    assert.ok(taken > 1_000 && taken < 100_000);
    await turn();
    assert.ok(one.got.length > 0 && one.got.length < taken, `${one.got.length} of ${taken} in one turn`);
    while (one.got.length < taken) await turn();
    assert.deepEqual(one.got.at(-1), taken - 1);
  });
});
