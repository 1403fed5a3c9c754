import { hash, randomBytes } from "node:crypto";
import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import { isId } from "./ids.ts";
import { nextGeneration } from "./generation.ts";
import type { ApiKeys } from "./project-records.ts";
import type { ApiKeyRecord } from "./workflow-records.ts";

/** 256 bits: a hash without salt or stretching is enough. */
const KEY_BYTES = 32;
const KEYS_MAX = 1_000;

/** SHA-256 of an API key in hex: what the record keeps, and what gateways compare. */
export function hashApiKey(key: string): string {
  return hash("sha256", key);
}

/** API keys on Postgres. */
export function createApiKeys(database: Database): ApiKeys {
  return {
    create: (projectId, name) => createKey(database, projectId, name),
    verify: (key) => findByHash(database, hashApiKey(key)),
    list: (projectId) => listKeys(database, projectId),
    revoke: (projectId, keyId) => revokeKey(database, projectId, keyId),
    noteUses: async (keyIds) => {
      await database.change("UPDATE api_keys SET use_time = now() WHERE id = any($1::uuid[])", [keyIds]);
    },
  };
}

async function createKey(database: Database, projectId: string, name: string) {
  const key = `mr_${randomBytes(KEY_BYTES).toString("base64url")}`;
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction);
    await assertRoomForKey(transaction, projectId);
    const row = await transaction
      .insertInto("api_keys")
      .values({ project_id: projectId, name, hash: hashApiKey(key), generation })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { ...toApiKeyRecord(row), key, generation };
  });
}

async function assertRoomForKey(transaction: Kysely<Tables>, projectId: string): Promise<void> {
  const { count } = await transaction
    .selectFrom("api_keys")
    .select(sql<number>`count(*)::int`.as("count"))
    .where("project_id", "=", projectId)
    .where("revoke_time", "is", null)
    .executeTakeFirstOrThrow();
  if (count < KEYS_MAX) return;
  throw new PlatformError("ResourceExhausted", "TOO_MANY_API_KEYS", `a project has at most ${KEYS_MAX} API keys`);
}

function findByHash(database: Database, hash: string): Promise<ApiKeyRecord | undefined> {
  return database.read(async (kysely) => {
    const row = await kysely
      .selectFrom("api_keys")
      .selectAll()
      .where("hash", "=", hash)
      .where("revoke_time", "is", null)
      .executeTakeFirst();
    return row && toApiKeyRecord(row);
  });
}

function listKeys(database: Database, projectId: string): Promise<readonly ApiKeyRecord[]> {
  return database.read(async (kysely) => {
    const rows = await kysely
      .selectFrom("api_keys")
      .selectAll()
      .where("project_id", "=", projectId)
      .where("revoke_time", "is", null)
      .orderBy("create_time", "desc")
      .execute();
    return rows.map(toApiKeyRecord);
  });
}

function revokeKey(database: Database, projectId: string, keyId: string): Promise<number> {
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction);
    const { numUpdatedRows } = await transaction
      .updateTable("api_keys")
      .set({ revoke_time: new Date(), generation })
      .where("id", "=", isId(keyId) ? keyId : null)
      .where("project_id", "=", projectId)
      .where("revoke_time", "is", null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) {
      throw new PlatformError("NotFound", "API_KEY_NOT_FOUND", "There is no such API key");
    }
    return generation;
  });
}

interface ApiKeyRow {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly hash: string;
  readonly create_time: number;
  readonly use_time: number | null;
}

/** The record of a row. */
export function toApiKeyRecord(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    hash: row.hash,
    createTimeMs: row.create_time,
    useTimeMs: row.use_time,
  };
}
