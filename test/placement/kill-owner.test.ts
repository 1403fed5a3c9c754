import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ExtraProcess, pidOf } from "../harness/extra-process.ts";
import { house, useHouse } from "../harness/shared-house.ts";
import { spreadOver } from "../harness/spread-over.ts";
import { SteadyLoad, type LoadStretch } from "./steady-load.ts";

const PER_SECOND = 500;
/** Few enough that each of them has warm environments. */
const WORKFLOWS = 8;
const SOURCE = "def handler(pd):\n    return 1\n";
/** The load is steady when no submit of so long a time has waited for longer; a machine that cannot do it shows nothing. */
const BEFORE_MS = 3_000;
const STEADY_MS = 1_000;
const STRETCHES_MAX = 8;
/** How long the load runs after a kill. */
const AFTER_MS = 10_000;
/** No submit waits longer than this for what was killed. */
const WAIT_MAX_MS = 5_000;

/** Kills a scheduler under load; returns what submits saw of it. */
async function killUnderLoad(context: TestContext, prefix: string, kill: () => Promise<unknown>, left: number) {
  const load = await SteadyLoad.start(house, { workflows: WORKFLOWS, perSecond: PER_SECOND, source: SOURCE, prefix });
  let before: LoadStretch;
  let stretches = 0;
  do {
    await sleep(BEFORE_MS);
    before = load.mark();
  } while (before.slowestMs > STEADY_MS && ++stretches < STRETCHES_MAX);
  assert.ok(
    before.slowestMs <= STEADY_MS,
    `too busy a machine: a submit waited ${before.slowestMs} ms before any kill`,
  );
  await kill();
  await sleep(AFTER_MS);
  const after = load.mark();
  await spreadOver(house, left);
  const total = await load.finish();
  tell(context, "before", before, BEFORE_MS);
  tell(context, "from the kill on", after, AFTER_MS);
  context.diagnostic(`${total} runs acknowledged, none lost, none ended twice`);
  const offered = (after.submitted / AFTER_MS) * 1000;
  assert.ok(offered > PER_SECOND * 0.9, `only ${offered} runs/s were offered`);
  assert.ok(after.slowestMs < WAIT_MAX_MS, `a submit waited ${after.slowestMs} ms`);
}

function tell(context: TestContext, when: string, stretch: LoadStretch, spanMs: number): void {
  const { submitted, acknowledged, slowestMs, longestGapMs } = stretch;
  const perSecond = (count: number) => Math.round((count / spanMs) * 1000);
  context.diagnostic(
    `${when}: ${perSecond(submitted)} runs/s offered, ${perSecond(acknowledged)} acknowledged, ` +
      `slowest ${slowestMs} ms, longest gap ${longestGapMs} ms`,
  );
}

describe("the kill of a scheduler at 500 runs a second", () => {
  useHouse({ separate: true });

  it("that owns all partitions keeps no submit for 5 s when its supervisor starts it again", async (context) => {
    const pid = await pidOf(house, "scheduler");
    await killUnderLoad(context, "alone", async () => process.kill(pid, "SIGKILL"), 1);
  });

  it("that owns half of them keeps no submit for 5 s when another is there", async (context) => {
    await using second = await ExtraProcess.start(house, "scheduler", "second");
    await spreadOver(house, 2);
    await killUnderLoad(
      context,
      "beside",
      async () => {
        second.signal("SIGKILL");
        await second.ended();
      },
      1,
    );
  });
});
