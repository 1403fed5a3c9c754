import type { TestHouse } from "./test-house.ts";
import { until } from "./until.ts";

const SETTLE_MS = 30_000;
const PARTITIONS = 256;

/** Partitions by scheduler, as the leases say. */
async function owners(house: TestHouse): Promise<number[]> {
  const { schedulers } = await house.client.house.getHouse({});
  return schedulers.map(({ partitionCount }) => partitionCount).filter((count) => count > 0);
}

/** Waits until so many schedulers have all partitions among them. */
export async function spreadOver(house: TestHouse, count: number): Promise<void> {
  await until(async () => {
    const found = await owners(house);
    return found.length === count && found.reduce((sum, one) => sum + one, 0) === PARTITIONS;
  }, SETTLE_MS);
}
