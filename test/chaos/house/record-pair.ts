import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";
import {
  clusterLaunch,
  createCluster,
  createStandby,
  promoteStandby,
  requireStandbys,
  waitUntil,
  type Launch,
  type PostgresCluster,
  type SuperuserSession,
} from "@millrace/provision";
import type { Member } from "./member.ts";
import type { Host } from "./network.ts";
import { PORTS } from "./plans.ts";

export const ROLE = "millrace";

/** Half a connection is noticed within seconds, as whoever wants a quick failover sets it. */
const QUICK = {
  wal_sender_timeout: "2s",
  wal_receiver_timeout: "2s",
  wal_receiver_status_interval: "500ms",
  wal_retrieve_retry_interval: "500ms",
  tcp_user_timeout: "2000",
  max_wal_size: "256MB",
} as const;

/** How a server of the record is started. */
export function postgresLaunch(cluster: PostgresCluster, host: Host): Launch {
  return clusterLaunch(cluster, PORTS.postgres, { listen_addresses: host.address, ...QUICK });
}

/** One of the two servers. */
export interface RecordServer {
  readonly member: Member;
  readonly cluster: PostgresCluster;
}

/** Postgres and its synchronous standby, and whoever operates them. */
export class RecordPair {
  readonly #password: string;
  readonly #outside: string;
  readonly #subnet: string;
  #primary: RecordServer;
  #standby: RecordServer;

  constructor(servers: readonly [RecordServer, RecordServer], outside: string, password: string) {
    [this.#primary, this.#standby] = servers;
    this.#password = password;
    this.#outside = outside;
    this.#subnet = outside.replace(/\.\d+$/, ".0/24");
  }

  get primary(): Member {
    return this.#primary.member;
  }

  get standby(): Member {
    return this.#standby.member;
  }

  /** The primary's address alone. */
  get url(): string {
    return `postgres://${ROLE}:${this.#password}@${this.primary.plan.host.address}:${PORTS.postgres}/${ROLE}`;
  }

  /** Makes both, and lets no commit count that the standby does not have. */
  async start(): Promise<void> {
    const { member, cluster } = this.#primary;
    await createCluster(cluster, { role: ROLE, password: this.#password, superuser: false });
    const doors = [
      `host all ${ROLE} ${this.#subnet} scram-sha-256`,
      `host all ${ROLE} 127.0.0.1/32 scram-sha-256`,
      // Whoever operates the servers does so from where no fault reaches.
      `host all postgres ${this.#outside}/32 trust`,
      "host all postgres 127.0.0.1/32 trust",
    ];
    appendFileSync(`${cluster.folder}/pg_hba.conf`, `${doors.join("\n")}\n`);
    await member.start();
    await this.#follow();
  }

  /** Makes the standby anew from the primary, and waits for it from then on. */
  async #follow(): Promise<void> {
    const { member, cluster } = this.#standby;
    const name = member.name.replaceAll("-", "_");
    await this.#atPrimary(async (session) => {
      await createStandby(cluster, {
        ...{ primary: this.#primary.cluster, primaryPort: PORTS.postgres, session, name, password: this.#password },
        ...{ primaryHost: this.primary.plan.host.address, standbyAddresses: this.#subnet },
      });
      await member.start();
      const streams = `SELECT FROM pg_stat_replication WHERE application_name = '${name}' AND state = 'streaming'`;
      await waitUntil(async () => (await session(streams)).length > 0, { what: "streaming", timeoutMs: 30_000 });
      await requireStandbys(session, [name]);
    });
  }

  async #atPrimary(work: (session: SuperuserSession) => Promise<void>): Promise<void> {
    const { address } = this.primary.plan.host;
    const connection = { host: address, port: PORTS.postgres, user: "postgres", database: "postgres" };
    const client = new pg.Client({
      ...connection,
      localAddress: this.#outside,
      connectionTimeoutMillis: 10_000,
    } as pg.ClientConfig);
    client.on("error", () => undefined);
    await client.connect();
    try {
      await work(async (text) => (await client.query<Record<string, unknown>>(text)).rows);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The standby becomes the primary; the old one, whatever it is doing, is nobody's primary any more. */
  async promote(): Promise<void> {
    await promoteStandby(this.#standby.cluster);
    [this.#primary, this.#standby] = [this.#standby, this.#primary];
  }

  /** Ends the old primary and makes a standby of it. */
  async rebuild(): Promise<void> {
    await this.standby.kill();
    // The kernel may still hold its port.
    await sleep(100);
    await this.#follow();
  }
}
