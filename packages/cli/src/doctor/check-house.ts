import { existsSync } from "node:fs";
import { join } from "node:path";
import { coerceError } from "@millrace/core";
import { isPortFree } from "@millrace/provision";
import { databaseUrlOf, defaultHttpPort, loadHouseState, readStatus, type HouseStatus } from "../dev/index.ts";
import { bad, good, type Check } from "./check.ts";

/** The house of a data folder: whether it runs, all of it, and keeps what it acknowledged. */
export async function checkHouse(data: string): Promise<Check[]> {
  const status = await readStatus(data).catch(() => undefined);
  if (status === undefined) {
    return [good("house", `none is running in ${data}`), await checkPort()];
  }
  return [
    good("house", `${status.state} at ${status.url}, gRPC ${status.grpc}`),
    checkProcesses(status),
    ...(await checkOwnRecord(data)),
  ];
}

async function checkPort(): Promise<Check> {
  const name = `port ${defaultHttpPort}`;
  return (await isPortFree(defaultHttpPort))
    ? good(name, "free")
    : bad(name, "taken by another program", "Name another with --port when you start the house.");
}

function checkProcesses(status: HouseStatus): Check {
  const away = status.processes.filter(({ ready }) => !ready).map(({ role }) => role);
  const log = join(status.dataFolder, "logs");
  return away.length === 0
    ? good("processes", `${status.processes.length} are ready`)
    : bad(
        "processes",
        `not ready: ${away.join(", ")}`,
        `They are started again by themselves; ${log} says what they lack.`,
      );
}

/** The database of a house on this machine. */
async function checkOwnRecord(data: string): Promise<Check[]> {
  const stateFile = join(data, "house.json");
  if (!existsSync(stateFile)) return [];
  return checkRecord(databaseUrlOf(loadHouseState(stateFile)), `See ${join(data, "logs/postgres.log")}.`);
}

/** Asks a database itself what it promises. */
export async function checkRecord(url: string, remedy: string): Promise<Check[]> {
  try {
    const { openStore } = await import("@millrace/store");
    const store = await openStore({ url, applicationName: "millrace-doctor", connectionsMax: 1 });
    try {
      const findings = await store.housekeeping.checkDurability();
      return findings.length === 0
        ? [good("durability", "fsync and synchronous_commit are on")]
        : findings.map(({ reason, message }) =>
            bad("durability", message, `Change the setting of Postgres (${reason}).`),
          );
    } finally {
      await store.close();
    }
  } catch (error) {
    return [bad("durability", `the database cannot be asked: ${coerceError(error).message}`, remedy)];
  }
}
