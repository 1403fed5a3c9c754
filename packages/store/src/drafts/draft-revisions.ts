import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import type { DraftBody, DraftRecord, DraftRevisionRecord } from "./draft-records.ts";

const REVISIONS_MAX = 100;
/** Of all revisions of a draft, as Postgres keeps them. */
const REVISIONS_BYTES_MAX = 16 * 1024 * 1024;
/** What one person types in this time is one state to go back to. */
const TYPING_MS = 60_000;

/**
 * Keeps what a draft is before it becomes something else.
 *
 * @param typist who types, when the change is a piece of what somebody types; such pieces are kept a minute apart
 */
export async function keepRevision(
  transaction: Kysely<Tables>,
  draft: DraftRecord,
  typist: string | undefined,
): Promise<void> {
  if (typist === draft.author && (await isBeingTyped(transaction, draft))) return;
  await transaction
    .insertInto("draft_revisions")
    .values({
      draft_id: draft.id,
      revision: draft.revision,
      body: JSON.stringify(draft.body),
      author: draft.author,
      create_time: new Date(draft.updateTimeMs),
    })
    .execute();
  await sql`DELETE FROM draft_revisions WHERE draft_id = ${draft.id} AND revision <= (
      SELECT max(revision) FROM (
        SELECT revision, row_number() OVER newest AS place, sum(pg_column_size(body)) OVER newest AS bytes
        FROM draft_revisions WHERE draft_id = ${draft.id} WINDOW newest AS (ORDER BY revision DESC)) kept
      WHERE place > ${REVISIONS_MAX} OR (bytes > ${REVISIONS_BYTES_MAX} AND place > 1))`.execute(transaction);
}

/** Whether a state is one in the middle of somebody's typing: it has not stood for long, and one was kept not long before. */
async function isBeingTyped(transaction: Kysely<Tables>, draft: DraftRecord): Promise<boolean> {
  if (Date.now() - draft.updateTimeMs >= TYPING_MS) return false;
  const newest = await transaction
    .selectFrom("draft_revisions")
    .select(["author", "create_time"])
    .where("draft_id", "=", draft.id)
    .orderBy("revision", "desc")
    .limit(1)
    .executeTakeFirst();
  return newest?.author === draft.author && draft.updateTimeMs - newest.create_time < TYPING_MS;
}

/** The kept states, newest first. */
export function listRevisions(database: Database, draftId: string): Promise<readonly DraftRevisionRecord[]> {
  return database.read(async (kysely) => {
    const rows = await kysely
      .selectFrom("draft_revisions")
      .select(["revision", "author", "create_time"])
      .where("draft_id", "=", draftId)
      .orderBy("revision", "desc")
      .execute();
    return rows.map(({ revision, author, create_time }) => ({ revision, author, createTimeMs: create_time }));
  });
}

/** What a draft was at a revision. */
export function getRevision(database: Database, draftId: string, revision: number): Promise<DraftBody> {
  return database.read(async (kysely) => {
    const row = await kysely
      .selectFrom("draft_revisions")
      .select("body")
      .where("draft_id", "=", draftId)
      .where("revision", "=", revision)
      .executeTakeFirst();
    if (row !== undefined) return row.body;
    throw new PlatformError("NotFound", "REVISION_NOT_FOUND", "the draft has no such revision, or not any more");
  });
}
