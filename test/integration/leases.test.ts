import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connectBus, openLeases, type Bus, type Leases } from "@millrace/bus";
import { startScratchNats, type ScratchNats } from "@millrace/testkit";
import { until } from "../harness/until.ts";

const TTL_MS = 1_000;

let nats: ScratchNats;
let buses: Bus[];

function leasesOf(scheduler: string, bus: Bus = buses[0]!): Leases {
  return openLeases(bus, { scheduler, ttlMs: TTL_MS });
}

before(async () => {
  nats = await startScratchNats();
  const { url, user, password } = nats;
  buses = await Promise.all(["s1", "s2"].map((name) => connectBus({ url, user, password, name })));
});

after(async () => {
  await Promise.all(buses.map((bus) => bus.drain(500)));
  await nats.stop();
});

describe("leases", () => {
  test("show each scheduler what all living ones hold, its own newest renewal included", async () => {
    const [one, two] = [leasesOf("s1", buses[0]), leasesOf("s2", buses[1])];
    const beforeMs = performance.now();
    const first = await one.put([1, 2]);
    assert.deepEqual([...first.living], [["s1", [1, 2]]]);
    assert.ok(first.sentAtMs >= beforeMs && first.sentAtMs <= performance.now());
    const second = await two.put([3]);
    assert.deepEqual(Object.fromEntries(second.living), { s1: [1, 2], s2: [3] });
    await Promise.all([one.remove(), two.remove()]);
  });

  test("are gone at once when they are given back", async () => {
    const [one, two] = [leasesOf("s1"), leasesOf("s2")];
    await one.put([1]);
    await one.remove();
    assert.deepEqual([...(await two.put([])).living.keys()], ["s2"]);
    await two.remove();
  });

  test("are kept without a look at the others by who is alone, until another one says that it is there", async () => {
    const [one, two] = [leasesOf("s1", buses[0]), leasesOf("s2", buses[1])];
    await Promise.all(buses.map((bus) => bus.flush()));
    let told = 0;
    const listening = one.onChange(() => void told++);
    await one.put([1]);
    assert.equal((await one.keep([1])).living, undefined);
    assert.deepEqual([...(await one.keep([1, 2])).living!.keys()], ["s1"], "a lease with something else in it");
    await two.put([3]);
    await until(() => told > 0);
    assert.deepEqual([...(await one.keep([1, 2])).living!.keys()].sort(), ["s1", "s2"]);
    assert.ok((await one.keep([1, 2])).living !== undefined, "one that is not alone always looks");
    listening.unsubscribe();
    await Promise.all([one.remove(), two.remove()]);
  });

  test("that are kept without a look live on, and count no longer once they have run out", async () => {
    const [one, two] = [leasesOf("s1", buses[0]), leasesOf("s2", buses[1])];
    await one.put([1]);
    const endMs = performance.now() + TTL_MS + 200;
    while (performance.now() < endMs) {
      await one.keep([1]);
      await new Promise((resolve) => setTimeout(resolve, TTL_MS / 5));
    }
    assert.ok((await two.put([])).living.has("s1"));
    await Promise.all([one.remove(), two.remove()]);
    await one.put([1]);
    await new Promise((resolve) => setTimeout(resolve, TTL_MS + 100));
    assert.ok((await one.keep([1])).living !== undefined, "whoever was away has to look");
    await one.remove();
  });

  test("run out when they are not renewed, and not before", async () => {
    const [quiet, busy] = [leasesOf("quiet"), leasesOf("busy")];
    const { sentAtMs } = await quiet.put([9]);
    await until(async () => !(await busy.put([])).living.has("quiet"));
    assert.ok(performance.now() - sentAtMs >= TTL_MS, "the lease ended before its time");
    await busy.remove();
  });

  test("live as long as the setting says in a bucket that was made for shorter ones", async () => {
    const long = openLeases(buses[0]!, { scheduler: "long", ttlMs: TTL_MS + 500 });
    const { sentAtMs } = await long.put([9]);
    const other = leasesOf("other", buses[1]);
    await until(async () => !(await other.put([])).living.has("long"));
    assert.ok(performance.now() - sentAtMs >= long.ttlMs, "the lease ended before its time");
    await other.remove();
  });

  test("of schedulers that claim at the same time: at least one sees the other", async () => {
    const [one, two] = [leasesOf("s1", buses[0]), leasesOf("s2", buses[1])];
    for (let round = 0; round < 50; round++) {
      await Promise.all([one.put([]), two.put([])]);
      const [first, second] = await Promise.all([one.put([round]), two.put([round])]);
      const seen = [first.living.get("s2"), second.living.get("s1")].filter((holds) => holds?.includes(round));
      assert.ok(seen.length >= 1, `in round ${round} both believed to be alone`);
    }
    await Promise.all([one.remove(), two.remove()]);
  });

  test("go on after NATS has lost everything", async () => {
    const one = leasesOf("s1");
    await one.put([5]);
    await nats.stop("SIGKILL");
    await until(() => !buses[0]!.connected);
    await assert.rejects(one.put([5]), { kind: "Unavailable" });
    await nats.restart();
    await until(async () => {
      const view = await one.put([5]).catch(() => undefined);
      return view?.living.get("s1")?.[0] === 5;
    });
    await one.remove();
  });
});
