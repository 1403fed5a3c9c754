import { randomUUID } from "node:crypto";
import { PlatformError } from "@millrace/core";
import { sql, type Selectable } from "kysely";
import { isUniqueViolation } from "../database-error.ts";
import type { Database } from "../database.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Tables } from "../tables.ts";
import type {
  AccountChange,
  AccountRecord,
  Accounts,
  AccountState,
  NewAccount,
  OpenAccount,
  RefreshFailure,
} from "./account-records.ts";
import { createAuthorizations } from "./authorizations.ts";
import { accountPlace } from "./places.ts";

const ACCOUNTS_MAX = 1_000;
const PROBLEM_LENGTH_MAX = 500;

/** Connected accounts on Postgres. */
export function createAccounts(database: Database, vault: Vault): Accounts {
  return {
    create: (projectId, account) => createAccount(database, vault, projectId, account),
    list: (projectId) => listAccounts(database, projectId),
    get: async (projectId, name) => toRecord(await findRow(database, projectId, name)),
    open: async (projectId, name) => toOpenAccount(vault, await findRow(database, projectId, name)),
    delete: (projectId, name) => deleteAccount(database, projectId, name),
    connect: (projectId, accountId, change) => connectAccount(database, vault, projectId, accountId, change),
    fail: (projectId, accountId, state, problem) => noteProblem(database, projectId, accountId, state, problem),
    beginRefresh: (account, holder, leaseMs) => beginRefresh(database, account, holder, leaseMs),
    finishRefresh: (account, holder, change) => finishRefresh(database, vault, account, holder, change),
    abandonRefresh: (account, holder, failure) => abandonRefresh(database, account, holder, failure),
    ...createAuthorizations(database, vault),
  };
}

type AccountRow = Selectable<Tables["accounts"]>;

/** What a change of contents writes. */
function changedColumns(vault: Vault, projectId: string, accountId: string, change: AccountChange) {
  return {
    fields: JSON.stringify(change.fields),
    sealed: vault.seal(accountPlace(projectId, accountId), JSON.stringify(change.contents)),
    expire_time: change.expireTimeMs === null ? null : new Date(change.expireTimeMs),
    update_time: new Date(),
  };
}

async function createAccount(database: Database, vault: Vault, projectId: string, account: NewAccount) {
  const id = randomUUID();
  const { name, app, kind, state } = account;
  try {
    return await database.transaction(async (transaction) => {
      // One project's accounts are made one after the other, so that the limit holds.
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`accounts ${projectId}`}, 0))`.execute(transaction);
      const row = await transaction
        .insertInto("accounts")
        .values({ id, project_id: projectId, name, app, kind, state, ...changedColumns(vault, projectId, id, account) })
        .returningAll()
        .executeTakeFirstOrThrow();
      const { count } = await transaction
        .selectFrom("accounts")
        .select((expression) => expression.fn.countAll<number>().as("count"))
        .where("project_id", "=", projectId)
        .executeTakeFirstOrThrow();
      if (count > ACCOUNTS_MAX) {
        const message = `A project has at most ${ACCOUNTS_MAX} accounts`;
        throw new PlatformError("ResourceExhausted", "TOO_MANY_ACCOUNTS", message);
      }
      return toRecord(row);
    });
  } catch (thrown) {
    const cause = thrown instanceof PlatformError ? thrown.cause : thrown;
    if (!isUniqueViolation(cause)) throw thrown;
    throw new PlatformError("AlreadyExists", "ACCOUNT_EXISTS", `There is an account "${name}" already`, {
      metadata: { account: name },
    });
  }
}

async function listAccounts(database: Database, projectId: string): Promise<AccountRecord[]> {
  const rows = await database.read((kysely) =>
    kysely.selectFrom("accounts").selectAll().where("project_id", "=", projectId).orderBy("name").execute(),
  );
  return rows.map(toRecord);
}

async function findRow(database: Database, projectId: string, name: string): Promise<AccountRow> {
  const row = await database.read((kysely) =>
    kysely
      .selectFrom("accounts")
      .selectAll()
      .where("project_id", "=", projectId)
      .where("name", "=", storable(name))
      .executeTakeFirst(),
  );
  if (row === undefined) throw notFound(name);
  return row;
}

async function deleteAccount(database: Database, projectId: string, name: string): Promise<void> {
  const { numDeletedRows } = await database.read((kysely) =>
    kysely
      .deleteFrom("accounts")
      .where("project_id", "=", projectId)
      .where("name", "=", storable(name))
      .executeTakeFirst(),
  );
  if (numDeletedRows === 0n) throw notFound(name);
}

async function connectAccount(
  database: Database,
  vault: Vault,
  projectId: string,
  accountId: string,
  change: AccountChange,
): Promise<boolean> {
  const { numUpdatedRows } = await database.read((kysely) =>
    kysely
      .updateTable("accounts")
      .set({ ...changedColumns(vault, projectId, accountId, change), state: "CONNECTED", problem: "" })
      .set({ revision: sql<number>`revision + 1`, refresh_holder: null, refresh_until: null })
      .where("project_id", "=", projectId)
      .where("id", "=", accountId)
      .executeTakeFirst(),
  );
  return numUpdatedRows > 0n;
}

async function noteProblem(
  database: Database,
  projectId: string,
  accountId: string,
  state: AccountState | undefined,
  problem: string,
): Promise<void> {
  await database.read((kysely) =>
    kysely
      .updateTable("accounts")
      .set({ problem: storable(problem).slice(0, PROBLEM_LENGTH_MAX), ...(state && { state }) })
      .where("project_id", "=", projectId)
      .where("id", "=", accountId)
      .execute(),
  );
}

async function beginRefresh(
  database: Database,
  { projectId, id, revision }: OpenAccount,
  holder: string,
  leaseMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await database.read((kysely) =>
    kysely
      .updateTable("accounts")
      .set({ refresh_holder: holder, refresh_until: sql<Date>`now() + ${leaseMs} * interval '1 ms'` })
      .where("project_id", "=", projectId)
      .where("id", "=", id)
      .where("revision", "=", revision)
      .where(sql<boolean>`(refresh_until IS NULL OR refresh_until < now())`)
      .executeTakeFirst(),
  );
  return numUpdatedRows > 0n;
}

async function finishRefresh(
  database: Database,
  vault: Vault,
  { projectId, id, revision }: OpenAccount,
  holder: string,
  change: AccountChange,
): Promise<boolean> {
  const { numUpdatedRows } = await database.read((kysely) =>
    kysely
      .updateTable("accounts")
      .set({ ...changedColumns(vault, projectId, id, change), state: "CONNECTED", problem: "" })
      .set({ revision: revision + 1, refresh_holder: null, refresh_until: null })
      .where("project_id", "=", projectId)
      .where("id", "=", id)
      .where("revision", "=", revision)
      .where("refresh_holder", "=", holder)
      .executeTakeFirst(),
  );
  return numUpdatedRows > 0n;
}

async function abandonRefresh(
  database: Database,
  { projectId, id }: OpenAccount,
  holder: string,
  { state, problem, restMs }: RefreshFailure,
): Promise<void> {
  await database.read((kysely) =>
    kysely
      .updateTable("accounts")
      .set({
        refresh_holder: null,
        refresh_until: sql<Date>`now() + ${restMs} * interval '1 ms'`,
        ...(state && { state }),
      })
      .set({ problem: storable(problem).slice(0, PROBLEM_LENGTH_MAX) })
      .where("project_id", "=", projectId)
      .where("id", "=", id)
      .where("refresh_holder", "=", holder)
      .execute(),
  );
}

function toRecord(row: AccountRow): AccountRecord {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    app: row.app,
    kind: row.kind,
    state: row.state,
    problem: row.problem,
    fields: row.fields,
    expireTimeMs: row.expire_time,
    revision: row.revision,
    createTimeMs: row.create_time,
    updateTimeMs: row.update_time,
  };
}

function toOpenAccount(vault: Vault, row: AccountRow): OpenAccount {
  const text = vault.open(accountPlace(row.project_id, row.id), row.sealed);
  const busy = row.refresh_until !== null && row.refresh_until > Date.now();
  return {
    ...toRecord(row),
    contents: JSON.parse(text) as OpenAccount["contents"],
    refresh: !busy ? "idle" : row.refresh_holder === null ? "resting" : "running",
  };
}

/** Postgres' text has no NUL; nothing that is looked for has one either. */
function storable(text: string): string {
  return text.replaceAll("\0", "\u2400");
}

function notFound(name: string): PlatformError {
  return new PlatformError("NotFound", "ACCOUNT_NOT_FOUND", `There is no account "${name.slice(0, 100)}"`, {
    metadata: { account: name.slice(0, 100) },
  });
}
