import { appendFileSync } from "node:fs";

import { clusterLaunch, createCluster, type Launch, type PostgresCluster } from "@millrace/provision";
import type { Host } from "./network.ts";
import { PORTS } from "./plans.ts";

export const ROLE = "millrace";

/** Makes the record's first server; every host of the house may connect to it. */
export async function createPrimary(cluster: PostgresCluster, password: string, subnet: string): Promise<void> {
  await createCluster(cluster, { role: ROLE, password, superuser: false });
  appendFileSync(`${cluster.folder}/pg_hba.conf`, `host all ${ROLE} ${subnet} scram-sha-256\n`);
}

/** How a server of the record is started. */
export function postgresLaunch(cluster: PostgresCluster, host: Host): Launch {
  return clusterLaunch(cluster, PORTS.postgres, { listen_addresses: host.address });
}
