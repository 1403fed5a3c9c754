import { RELEASE, RELEASE_UNSAID } from "@millrace/core";
import type pg from "pg";

/** Postgres cuts longer names off. */
const NAME_BYTES_MAX = 63;
/** What processes of a house call their connections; commands such as `millrace migrate` do not count. */
const SESSION = /^millrace (?:(\d+\.\d+\.\d+) )?((?:gateway|scheduler|commit)\b.*)$/;

/**
 * What a process of a house calls its connections. `pg_stat_activity` then says which releases are at work: a migration that
 * takes something away waits until the last process that needs it has gone.
 */
export function sessionName(role: "gateway" | "scheduler" | "commit", name: string): string {
  return `millrace ${RELEASE} ${role} ${name}`.slice(0, NAME_BYTES_MAX);
}

/** A process of the house that is connected to the record now. */
export interface HouseSession {
  readonly release: string;
  /** Role and name. */
  readonly process: string;
}

/** The house's processes that are connected now, each once. */
export async function readSessions(client: pg.ClientBase): Promise<HouseSession[]> {
  const { rows } = await client.query<{ application_name: string }>(
    `SELECT DISTINCT application_name FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'millrace %' ORDER BY 1`,
  );
  return rows.flatMap(({ application_name }) => {
    const match = SESSION.exec(application_name);
    return match === null ? [] : [{ release: match[1] ?? RELEASE_UNSAID, process: match[2]! }];
  });
}
