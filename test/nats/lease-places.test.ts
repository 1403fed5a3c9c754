import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connectBus, findLeases, openLeases, readLeases, type Bus, type Leases } from "@millrace/bus";
import type { PlatformError } from "@millrace/core";
import { startScratchNatsCluster, type ScratchNatsCluster } from "@millrace/testkit";
import { until } from "../harness/until.ts";

const TTL_MS = 2_000;

/** Renews until it works: servers that have just started elect first. */
async function putSoon(leases: Leases, holds: readonly number[]): ReturnType<Leases["put"]> {
  let view: Awaited<ReturnType<Leases["put"]>> | undefined;
  await until(async () => (view = await leases.put(holds).catch(() => undefined)) !== undefined, 20_000);
  return view!;
}

describe("leases where servers have no tags", () => {
  let cluster: ScratchNatsCluster;
  let bus: Bus;

  before(async () => {
    cluster = await startScratchNatsCluster({ tags: false });
    bus = await connectBus({ ...cluster, name: "s1" });
  });

  after(async () => {
    await bus.drain(500);
    await cluster.stop();
  });

  test("are kept in one bucket, and operators can see that", async () => {
    const { living } = await putSoon(openLeases(bus, { scheduler: "s1", ttlMs: TTL_MS }), [1]);
    assert.deepEqual([...living], [["s1", [1]]]);
    const { place, schedulers } = await findLeases(bus);
    assert.deepEqual([place, ...schedulers.keys()], ["bucket", "s1"]);
  });
});

describe("leases of a release that knows one bucket only", () => {
  let cluster: ScratchNatsCluster;
  let buses: Bus[];

  before(async () => {
    cluster = await startScratchNatsCluster();
    buses = await Promise.all(["old", "new"].map((name) => connectBus({ ...cluster, name })));
  });

  after(async () => {
    await Promise.all(buses.map((bus) => bus.drain(500)));
    await cluster.stop();
  });

  test("have ended when the first of this one is taken, and none is given after it", async () => {
    // Five copies are kept as that release keeps three.
    const old = openLeases(buses[0]!, { scheduler: "old", ttlMs: TTL_MS, replicas: 5 });
    await putSoon(old, [1]);
    let lastMs = 0;
    let refusal = "";
    const renewing = until(async () => {
      try {
        lastMs = (await old.put([1])).sentAtMs;
      } catch (thrown) {
        refusal = (thrown as PlatformError).reason;
      }
      return refusal === "LEASES_MOVED";
    }, 20_000);
    const { sentAtMs, living } = await putSoon(openLeases(buses[1]!, { scheduler: "new", ttlMs: TTL_MS }), [1]);
    await renewing;
    assert.ok(
      sentAtMs >= lastMs + TTL_MS,
      `the old lease lived for ${(lastMs + TTL_MS - sentAtMs).toFixed(0)} ms more`,
    );
    assert.deepEqual([...living], [["new", [1]]]);
    assert.deepEqual([...(await readLeases(buses[1]!)).keys()], ["new"]);
    const { place, answering } = await findLeases(buses[1]!);
    assert.deepEqual([place, answering], ["majority", 3]);
  });

  test("are given again when all servers have lost their disks", async () => {
    const leases = openLeases(buses[1]!, { scheduler: "stays", ttlMs: TTL_MS });
    await putSoon(leases, [2]);
    await Promise.all(cluster.nodes.map((node) => node.stop("SIGKILL")));
    await until(() => !buses[1]!.connected);
    await Promise.all(cluster.nodes.map((node) => node.restart({ emptyDisk: true })));
    await until(() => buses[1]!.connected, 20_000);
    const { living } = await putSoon(leases, [2]);
    assert.deepEqual(living.get("stays"), [2]);
  });
});
