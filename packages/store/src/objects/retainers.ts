/** Who keeps which object. Rows, not a count: a repeat changes nothing, and it can be told who it is. */
import { isRunId, PlatformError } from "@millrace/core";
import type pg from "pg";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import type { ObjectOwner } from "./object-records.ts";

/** A run may never have been accepted, which housekeeping finds out; any other owner is there when it says so. */
export function isSettled({ kind }: ObjectOwner): boolean {
  return kind !== "run" && kind !== "tmp";
}

/** Housekeeping tells the age of a run from its id. */
export function checkOwner(owner: ObjectOwner): void {
  if (isSettled(owner) || isRunId(owner.id)) return;
  throw new PlatformError("InvalidArgument", "INVALID_RUN_ID", `"${owner.id.slice(0, 64)}" is not a run id`);
}

/** True when the owner retains the object. */
export async function isRetained(database: Database, owner: ObjectOwner, id: string): Promise<boolean> {
  if (!isId(id)) return false;
  const rows = await database.query(
    "SELECT FROM object_retainers WHERE kind = $1 AND owner_id = $2 AND object_id = $3",
    [owner.kind, owner.id, id],
  );
  return rows.length > 0;
}

/** Adds an owner; the objects' rows are locked, so that none is collected meanwhile. */
export async function retainObjects(
  database: Database,
  projectId: string,
  owner: ObjectOwner,
  ids: readonly string[],
): Promise<void> {
  checkOwner(owner);
  const wanted = [...new Set(ids)].filter(isId);
  await inTransaction(database, async (client) => {
    const { rowCount } = await client.query(
      `WITH found AS MATERIALIZED (
         SELECT id FROM objects WHERE id = ANY ($1::uuid[]) AND project_id = $2 AND size IS NOT NULL ORDER BY id FOR UPDATE
       ), kept AS (
         UPDATE objects o SET unretained_time = NULL FROM found WHERE o.id = found.id AND unretained_time IS NOT NULL
       ), retained AS (
         INSERT INTO object_retainers (kind, owner_id, object_id, settled) SELECT $3, $4, id, $5 FROM found
         ON CONFLICT DO NOTHING
       )
       SELECT FROM found`,
      [wanted, projectId, owner.kind, owner.id, isSettled(owner)],
    );
    if (rowCount === new Set(ids).size) return;
    throw new PlatformError("NotFound", "OBJECT_NOT_FOUND", "an object that is to be retained is not there");
  });
}

/** The locks come first: of two owners who give up the same object, the second must see that it was the last. */
export async function releaseObjects(
  database: Database,
  owner: ObjectOwner,
  ids: readonly string[] | undefined,
): Promise<void> {
  const only = ids?.filter(isId) ?? null;
  await inTransaction(database, async (client) => {
    const parameters = [owner.kind, owner.id, only];
    const where = "kind = $1 AND owner_id = $2 AND ($3::uuid[] IS NULL OR object_id = ANY ($3))";
    await client.query(
      `SELECT FROM objects WHERE id IN (SELECT object_id FROM object_retainers WHERE ${where}) ORDER BY id FOR UPDATE`,
      parameters,
    );
    const { rows } = await client.query<{ object_id: string }>(
      `DELETE FROM object_retainers WHERE ${where} RETURNING object_id`,
      parameters,
    );
    await markUnretained(client, rows);
  });
}

/** Starts the clock of objects that nobody retains any more. */
export async function markUnretained(
  client: pg.ClientBase,
  released: readonly { readonly object_id: string }[],
): Promise<void> {
  if (released.length === 0) return;
  await client.query(
    `UPDATE objects o SET unretained_time = now() WHERE id = ANY ($1::uuid[])
     AND NOT EXISTS (SELECT FROM object_retainers r WHERE r.object_id = o.id)`,
    [released.map(({ object_id }) => object_id)],
  );
}

/** Several statements, each with a snapshot of its own. */
export function inTransaction<T>(database: Database, operation: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  return database.withClient(async (client) => {
    await client.query("BEGIN");
    const result = await operation(client);
    await client.query("COMMIT");
    return result;
  });
}
