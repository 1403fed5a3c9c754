import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuByRole, memoryByRole } from "../bench/process-usage.ts";
import { house, useHouse } from "../harness/shared-house.ts";

/** 300 MB. */
const MEMORY_MIB = 286;
/** Of one core. */
const CPU_MS_PER_S = 20;
/** By then what starts a house is over, and its processes have given back what that has left; and how long it is looked at. */
const SETTLE_MS = 20_000;
const LOOK_MS = 30_000;

describe("an idle house", () => {
  useHouse();

  it("takes little memory and hardly any processor time, its servers included", async (context) => {
    await house.deploy({ name: "w", triggers: [{ http: {} }], steps: { a: "def handler(pd):\n    return 1\n" } });
    await house.run("w");
    // Doing nothing for a while is what is measured.
    await sleep(SETTLE_MS);
    const processes = await house.processes();
    const before = cpuByRole(processes);
    const beganMs = performance.now();
    await sleep(LOOK_MS);
    const seconds = (performance.now() - beganMs) / 1000;
    const cpu = new Map(
      [...cpuByRole(processes)].map(([role, s]) => [role, ((s - before.get(role)!) * 1000) / seconds]),
    );
    const memory = memoryByRole(processes);
    for (const [role, mib] of memory)
      context.diagnostic(`${role}: ${mib.toFixed(0)} MiB, ${cpu.get(role)!.toFixed(1)} ms of a core each second`);
    const sum = (figures: Map<string, number>) => [...figures.values()].reduce((all, one) => all + one, 0);
    context.diagnostic(`all: ${sum(memory).toFixed(0)} MiB, ${sum(cpu).toFixed(1)} ms of a core each second`);
    assert.ok(sum(memory) < MEMORY_MIB, `${sum(memory)} MiB`);
    assert.ok(sum(cpu) < CPU_MS_PER_S, `${sum(cpu)} ms of a core each second`);
  });
});
