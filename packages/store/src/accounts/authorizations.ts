import { sql } from "kysely";
import type { Database } from "../database.ts";
import type { Vault } from "../secrets/vault.ts";
import type { AccountRecord, Accounts, Authorization } from "./account-records.ts";
import { authorizationPlace } from "./places.ts";

type Authorizations = Pick<Accounts, "beginAuthorization" | "peekAuthorization" | "takeAuthorization">;

/** Pending authorizations on Postgres. */
export function createAuthorizations(database: Database, vault: Vault): Authorizations {
  return {
    beginAuthorization: (account, stateHash, secret, lifeMs) =>
      beginAuthorization(database, vault, account, stateHash, secret, lifeMs),
    peekAuthorization: (stateHash) => readAuthorization(database, vault, stateHash, "SELECT"),
    takeAuthorization: (stateHash) => readAuthorization(database, vault, stateHash, "DELETE"),
  };
}

function beginAuthorization(
  database: Database,
  vault: Vault,
  account: AccountRecord,
  stateHash: Uint8Array,
  secret: string,
  lifeMs: number,
): Promise<void> {
  return database.transaction(async (transaction) => {
    // Only the newest counts, so that an account never has more than one row.
    await transaction
      .updateTable("accounts")
      .set({ problem: sql<string>`CASE state WHEN 'DEAD' THEN problem ELSE '' END` })
      .where("id", "=", account.id)
      .execute();
    await transaction.deleteFrom("account_authorizations").where("account_id", "=", account.id).execute();
    await transaction
      .insertInto("account_authorizations")
      .values({
        state_hash: Buffer.from(stateHash),
        account_id: account.id,
        sealed: vault.seal(authorizationPlace(stateHash), secret),
        expire_time: sql<Date>`now() + ${lifeMs} * interval '1 ms'`,
      })
      .execute();
  });
}

const COLUMNS = "a.sealed, a.expire_time > now() AS living, c.project_id, c.name";
const TEXTS = {
  SELECT: `SELECT ${COLUMNS} FROM account_authorizations a JOIN accounts c ON c.id = a.account_id WHERE a.state_hash = $1`,
  DELETE: `DELETE FROM account_authorizations a USING accounts c
           WHERE c.id = a.account_id AND a.state_hash = $1 RETURNING ${COLUMNS}`,
};

async function readAuthorization(
  database: Database,
  vault: Vault,
  stateHash: Uint8Array,
  how: keyof typeof TEXTS,
): Promise<Authorization | undefined> {
  const [row] = await database.query<{ sealed: Buffer; living: boolean; project_id: string; name: string }>(
    TEXTS[how],
    [Buffer.from(stateHash)],
  );
  if (row?.living !== true) return undefined;
  return {
    projectId: row.project_id,
    accountName: row.name,
    secret: vault.open(authorizationPlace(stateHash), row.sealed),
  };
}
