import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Turnstile } from "./turnstile.ts";

describe("a turnstile", () => {
  it("lets so many through, and the others in their order", async () => {
    const turnstile = new Turnstile(2, 10_000);
    const inside: number[] = [];
    const ends: (() => void)[] = [];
    const passed = [0, 1, 2, 3].map((n) =>
      turnstile.pass(async () => {
        inside.push(n);
        await new Promise<void>((resolve) => ends.push(resolve));
        return n;
      }),
    );
    assert.deepEqual(inside, [0, 1]);
    ends[1]!();
    assert.equal(await passed[1], 1);
    assert.deepEqual(inside, [0, 1, 2]);
    ends[0]!();
    await passed[0];
    ends.slice(2).forEach((end) => end());
    assert.deepEqual(await Promise.all(passed), [0, 1, 2, 3]);
  });

  it("hands the place on when an operation fails", async () => {
    const turnstile = new Turnstile(1, 10_000);
    const failed = turnstile.pass(() => Promise.reject(new Error("no")));
    const next = turnstile.pass(() => Promise.resolve("next"));
    await assert.rejects(failed, /no/);
    assert.equal(await next, "next");
    assert.equal(await turnstile.pass(() => Promise.resolve("later")), "later");
  });

  it("sends away whose turn does not come in time, and keeps no place for them", async () => {
    const turnstile = new Turnstile(1, 5);
    let end = (): void => undefined;
    const first = turnstile.pass(() => new Promise<void>((resolve) => (end = resolve)));
    await assert.rejects(
      turnstile.pass(() => Promise.resolve()),
      { reason: "DATABASE_BUSY" },
    );
    end();
    await first;
    assert.equal(await turnstile.pass(() => Promise.resolve("later")), "later");
  });
});
