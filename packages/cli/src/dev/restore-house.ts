import { existsSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { resolve } from "node:path";
import { PlatformError } from "@millrace/core";
import {
  clusterLaunch,
  createCluster,
  isAlive,
  isClusterReady,
  launchProcess,
  loadTools,
  pickFreePort,
  waitUntil,
  type PostgresCluster,
} from "@millrace/provision";
import { restore, type Restored, type RestoreOptions } from "@millrace/store";
import { lockFolder } from "./folder-lock.ts";
import { openHouseFolder, type HouseFolder } from "./house-folder.ts";
import { loadHouseState } from "./house-state.ts";
import { databaseName } from "./process-plans.ts";

const startTimeoutMs = 60_000;

/**
 * Makes the data folder of a house of a backup, with a Postgres that runs meanwhile only; `millrace dev` starts the house
 * afterwards. What fails leaves no house behind. Throws `HOUSE_EXISTS` for a folder that has one.
 */
export async function restoreHouse(
  data: string,
  source: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
): Promise<Restored> {
  const tools = loadTools();
  refuseHouse(data);
  const folder = openHouseFolder(data);
  const lock = await lockFolder(folder.path);
  try {
    const state = loadHouseState(folder.stateFile);
    const cluster = { folder: folder.postgres, postgres: tools.postgres };
    const password = state.databasePassword;
    await createCluster(cluster, { role: databaseName, password, superuser: false });
    const restored = await withServer(cluster, (port) =>
      restore(`postgres://${databaseName}:${password}@127.0.0.1:${port}/${databaseName}`, source, options),
    );
    const { masterKey } = restored.manifest;
    if (masterKey !== undefined) writeFileSync(folder.masterKeyFile, `${masterKey}\n`, { mode: 0o600, flush: true });
    return restored;
  } catch (thrown) {
    removeHouse(folder);
    throw thrown;
  } finally {
    lock.release();
  }
}

/** A folder with nothing but a master key in it may have been prepared for this. */
function refuseHouse(data: string): void {
  const found = ["house.json", "postgres"].find((name) => existsSync(resolve(data, name)));
  if (found === undefined) return;
  const message = `There is a house in ${resolve(data)} already (${found}): name a new folder with --data`;
  throw new PlatformError("FailedPrecondition", "HOUSE_EXISTS", message);
}

function removeHouse(folder: HouseFolder): void {
  for (const path of [folder.postgres, `${folder.postgres}.new`, folder.stateFile]) {
    rmSync(path, { recursive: true, force: true });
  }
}

async function withServer<T>(cluster: PostgresCluster, use: (port: number) => Promise<T>): Promise<T> {
  const port = await pickFreePort();
  const server = launchProcess(clusterLaunch(cluster, port), "ignore");
  const pid = server.pid ?? 0;
  const exited = once(server, "exit");
  try {
    await waitUntil(() => isClusterReady(cluster, pid), {
      what: "start of Postgres",
      timeoutMs: startTimeoutMs,
      check: () => {
        if (!isAlive(pid)) throw new PlatformError("Internal", "PROCESS_FAILED", "Postgres ended while it started");
      },
    });
    return await use(port);
  } finally {
    server.kill("SIGINT");
    await exited;
  }
}
