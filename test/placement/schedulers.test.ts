import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ExtraProcess } from "../harness/extra-process.ts";
import { house, useHouse } from "../harness/shared-house.ts";
import { spreadOver } from "../harness/spread-over.ts";
import { SteadyLoad } from "./steady-load.ts";

const SOURCE = "def handler(pd):\n    return 1\n";
/** How long each stretch of the load is looked at. */
const STRETCH_MS = 5_000;

describe("partitions under load", () => {
  useHouse({ separate: true });

  it("move when schedulers join, leave and die, and nothing is lost or ended twice", async (context) => {
    const load = await SteadyLoad.start(house, { workflows: 40, perSecond: 60, source: SOURCE, prefix: "moves" });
    await sleep(STRETCH_MS);
    const found: [string, ReturnType<SteadyLoad["mark"]>][] = [["before", load.mark()]];
    const event = async (name: string, schedulers: number, happen: () => Promise<unknown>): Promise<void> => {
      load.mark();
      await happen();
      await spreadOver(house, schedulers);
      await sleep(STRETCH_MS);
      found.push([name, load.mark()]);
    };
    await using extras = new AsyncDisposableStack();
    let second: ExtraProcess | undefined;
    let third: ExtraProcess | undefined;
    await event("a second joins", 2, async () => {
      second = extras.use(await ExtraProcess.start(house, "scheduler", "second"));
    });
    await event("a third joins", 3, async () => {
      third = extras.use(await ExtraProcess.start(house, "scheduler", "third"));
    });
    await event("the second leaves", 2, async () => {
      second!.signal("SIGTERM");
      assert.equal(await second!.ended(), 0);
    });
    await event("the third is killed", 1, async () => {
      third!.signal("SIGKILL");
      await third!.ended();
    });
    const total = await load.finish();
    for (const [name, { acknowledged, slowestMs, longestGapMs }] of found) {
      context.diagnostic(
        `${name}: ${acknowledged} acknowledged, slowest ${slowestMs} ms, longest gap ${longestGapMs} ms`,
      );
    }
    context.diagnostic(`${total} runs acknowledged, none lost, none ended twice`);
    for (const [name, { slowestMs }] of found) {
      const most = name.includes("killed") ? 5_000 : 2_500;
      assert.ok(slowestMs < most, `${name}: a submit waited ${slowestMs} ms`);
    }
  });
});
