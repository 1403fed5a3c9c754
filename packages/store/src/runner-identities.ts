import { PlatformError } from "@millrace/core";
import type { Database } from "./database.ts";

/** A runner that wants a credential, or a further one. */
export interface RunnerClaim {
  readonly name: string;
  readonly pool: string;
  readonly publicKey: string;
  readonly lifeMs: number;
}

/** Whose names runners have. */
export interface RunnerIdentities {
  /**
   * Gives a name to a key, for as long as its next credential lives.
   *
   * @throws PlatformError `RUNNER_NAME_TAKEN` while another key's credential lives, `RUNNER_REVOKED` for a key that was revoked
   */
  claim(claim: RunnerClaim): Promise<void>;
  /** Takes a name's identity away, and says for which keys credentials may live. */
  revoke(name: string): Promise<string[]>;
}

/** A name that nobody has used for so long is forgotten. */
const FORGET_AFTER = "30 days";

const CLAIM = `
INSERT INTO runner_identities AS known (name, pool, public_key, expire_time)
VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE
  SET pool = excluded.pool, public_key = excluded.public_key, expire_time = excluded.expire_time, revoke_time = NULL
  WHERE CASE WHEN known.public_key = excluded.public_key
    THEN known.revoke_time IS NULL AND (known.pool = excluded.pool OR known.expire_time < now())
    ELSE known.revoke_time IS NOT NULL OR known.expire_time < now() END`;

/** Names of runners on Postgres. */
export function createRunnerIdentities(database: Database): RunnerIdentities {
  return {
    claim: async ({ name, pool, publicKey, lifeMs }) => {
      const claimed = await database.change(CLAIM, [name, pool, publicKey, lifeMs]);
      if (claimed > 0) return forget(database);
      const [known] = await database.query<{ public_key: string }>(
        "SELECT public_key FROM runner_identities WHERE name = $1 AND revoke_time IS NOT NULL",
        [name],
      );
      if (known?.public_key === publicKey)
        throw new PlatformError("PermissionDenied", "RUNNER_REVOKED", `the runner ${name} was revoked`);
      throw new PlatformError("AlreadyExists", "RUNNER_NAME_TAKEN", `another runner has the name ${name}`);
    },
    revoke: async (name) => {
      await database.change("UPDATE runner_identities SET revoke_time = coalesce(revoke_time, now()) WHERE name = $1", [
        name,
      ]);
      const rows = await database.query<{ public_key: string }>(
        "SELECT public_key FROM runner_identities WHERE name = $1",
        [name],
      );
      return rows.map(({ public_key }) => public_key);
    },
  };
}

async function forget(database: Database): Promise<void> {
  await database.change(`DELETE FROM runner_identities WHERE expire_time < now() - interval '${FORGET_AFTER}'`);
}
