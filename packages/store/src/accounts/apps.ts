import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Tables } from "../tables.ts";
import type { AppRecord, Apps, OauthClient } from "./account-records.ts";
import { clientPlace } from "./places.ts";

const APPS_MAX = 200;

/** Apps of projects on Postgres. */
export function createApps(database: Database, vault: Vault): Apps {
  return {
    list: (projectId) => listApps(database, projectId),
    get: (projectId, name) => findApp(database, projectId, name),
    setDefinition: (projectId, name, definition, keepClient) =>
      setApp(database, projectId, name, {
        definition: JSON.stringify(definition),
        ...(!keepClient && { sealed_client: null }),
      }),
    setClient: (projectId, name, client) =>
      setApp(database, projectId, name, {
        sealed_client: vault.seal(clientPlace(projectId, name), JSON.stringify(client)),
      }),
    openClient: (projectId, name) => openClient(database, vault, projectId, name),
    delete: (projectId, name) => deleteApp(database, projectId, name),
  };
}

function appsOf(kysely: Kysely<Tables>, projectId: string) {
  return kysely
    .selectFrom("apps")
    .select(["name", "definition", sql<boolean>`sealed_client IS NOT NULL`.as("has_client")])
    .where("project_id", "=", projectId);
}

interface AppRow {
  readonly name: string;
  readonly definition: object | null;
  readonly has_client: boolean;
}

function toRecord({ name, definition, has_client }: AppRow): AppRecord {
  return { name, definition: definition ?? undefined, hasClient: has_client };
}

async function listApps(database: Database, projectId: string): Promise<AppRecord[]> {
  const rows = await database.read((kysely) => appsOf(kysely, projectId).orderBy("name").execute());
  return rows.map(toRecord);
}

async function findApp(database: Database, projectId: string, name: string): Promise<AppRecord | undefined> {
  const row = await database.read((kysely) => appsOf(kysely, projectId).where("name", "=", name).executeTakeFirst());
  return row && toRecord(row);
}

function setApp(
  database: Database,
  projectId: string,
  name: string,
  change: { definition?: string; sealed_client?: Buffer | null },
): Promise<void> {
  return database.transaction(async (transaction) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`apps ${projectId}`}, 0))`.execute(transaction);
    const kept = { ...change, update_time: new Date() };
    await transaction
      .insertInto("apps")
      .values({ project_id: projectId, name, ...kept })
      .onConflict((conflict) => conflict.columns(["project_id", "name"]).doUpdateSet(kept))
      .execute();
    const { count } = await transaction
      .selectFrom("apps")
      .select((expression) => expression.fn.countAll<number>().as("count"))
      .where("project_id", "=", projectId)
      .executeTakeFirstOrThrow();
    if (count <= APPS_MAX) return;
    throw new PlatformError("ResourceExhausted", "TOO_MANY_APPS", `A project has at most ${APPS_MAX} apps of its own`);
  });
}

async function openClient(
  database: Database,
  vault: Vault,
  projectId: string,
  name: string,
): Promise<OauthClient | undefined> {
  const row = await database.read((kysely) =>
    kysely
      .selectFrom("apps")
      .select("sealed_client")
      .where("project_id", "=", projectId)
      .where("name", "=", name)
      .executeTakeFirst(),
  );
  if (row?.sealed_client == null) return undefined;
  return JSON.parse(vault.open(clientPlace(projectId, name), row.sealed_client)) as OauthClient;
}

async function deleteApp(database: Database, projectId: string, name: string): Promise<void> {
  await database.transaction(async (transaction) => {
    const user = await transaction
      .selectFrom("accounts")
      .select("name")
      .where("project_id", "=", projectId)
      .where("app", "=", name)
      .executeTakeFirst();
    if (user !== undefined) {
      const message = `The account "${user.name}" is one of "${name}"; remove it first`;
      throw new PlatformError("FailedPrecondition", "APP_IN_USE", message);
    }
    const { numDeletedRows } = await transaction
      .deleteFrom("apps")
      .where("project_id", "=", projectId)
      .where("name", "=", name)
      .executeTakeFirst();
    if (numDeletedRows > 0n) return;
    throw new PlatformError("NotFound", "APP_NOT_FOUND", `The project says nothing about an app "${name}"`);
  });
}
