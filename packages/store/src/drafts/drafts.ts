import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import type { DraftBody, DraftChange, DraftRecord, DraftRevisionRecord, Drafts } from "./draft-records.ts";
import { addEvent, listEvents } from "./draft-events.ts";
import { ensureTestVersion } from "./test-versions.ts";
import { findTest, forgetTests, listTests, recordTest } from "./draft-tests.ts";

const REVISIONS_MAX = 100;
/** What one person types in this time is one state to go back to. */
const TYPING_MS = 5_000;

/** Drafts on Postgres. */
export function createDrafts(database: Database): Drafts {
  return {
    get: (workflowId) =>
      database.read(async (kysely) => {
        const row = await draftRows(kysely).where("d.workflow_id", "=", workflowId).executeTakeFirst();
        return row && toDraft(row);
      }),
    create: ({ workflowId, body, baseVersionId, author }) =>
      database.transaction(async (transaction) => {
        await transaction
          .insertInto("drafts")
          .values({ workflow_id: workflowId, body: JSON.stringify(body), base_version_id: baseVersionId, author })
          .onConflict((conflict) => conflict.column("workflow_id").doNothing())
          .execute();
        return toDraft(await draftRows(transaction).where("d.workflow_id", "=", workflowId).executeTakeFirstOrThrow());
      }),
    change: (workflowId, author, change) => changeDraft(database, workflowId, author, change),
    listRevisions: (draftId) => listRevisions(database, draftId),
    getRevision: (draftId, revision) => getRevision(database, draftId, revision),
    ensureTestVersion: (version) => ensureTestVersion(database, version),
    recordTest: (test) => recordTest(database, test),
    listTests: (draftId) => listTests(database, draftId),
    findTest: (runId) => findTest(database, runId),
    forgetTests: (draftId) => forgetTests(database, draftId),
    addEvent: (draftId, eventJson) => addEvent(database, draftId, eventJson),
    listEvents: (draftId, afterId) => listEvents(database, draftId, afterId),
  };
}

function draftRows(kysely: Kysely<Tables>) {
  return kysely
    .selectFrom("drafts as d")
    .leftJoin("versions as v", "v.id", "d.base_version_id")
    .select(["d.id", "d.workflow_id", "d.revision", "d.body", "d.base_version_id", "d.author", "d.update_time"])
    .select("v.number as base_number");
}

type DraftRow = Awaited<ReturnType<ReturnType<typeof draftRows>["execute"]>>[number];

function toDraft(row: DraftRow): DraftRecord {
  return {
    id: row.id,
    workflowId: row.workflow_id,
    revision: row.revision,
    body: row.body,
    base: row.base_version_id === null ? null : { id: row.base_version_id, number: row.base_number ?? 0 },
    author: row.author,
    updateTimeMs: row.update_time,
  };
}

/** The row stays locked from reading to writing, so that changes come one after the other. */
function changeDraft(
  database: Database,
  workflowId: string,
  author: string,
  change: (draft: DraftRecord) => DraftChange | undefined,
): Promise<DraftRecord> {
  return database.transaction(async (transaction) => {
    await transaction.selectFrom("drafts").select("id").where("workflow_id", "=", workflowId).forUpdate().execute();
    const draft = toDraft(
      await draftRows(transaction).where("d.workflow_id", "=", workflowId).executeTakeFirstOrThrow(),
    );
    const changed = change(draft);
    if (changed === undefined) return draft;
    const { body, baseVersionId = draft.base?.id ?? null } = changed;
    await keepRevision(transaction, draft);
    await transaction
      .updateTable("drafts")
      .set({
        body: JSON.stringify(body),
        revision: draft.revision + 1,
        base_version_id: baseVersionId,
        author,
        update_time: new Date(),
      })
      .where("id", "=", draft.id)
      .execute();
    return toDraft(await draftRows(transaction).where("d.id", "=", draft.id).executeTakeFirstOrThrow());
  });
}

async function keepRevision(transaction: Kysely<Tables>, draft: DraftRecord): Promise<void> {
  const newest = await transaction
    .selectFrom("draft_revisions")
    .select(["author", "create_time"])
    .where("draft_id", "=", draft.id)
    .orderBy("revision", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest?.author === draft.author && draft.updateTimeMs - newest.create_time < TYPING_MS) return;
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
      SELECT revision FROM draft_revisions WHERE draft_id = ${draft.id}
      ORDER BY revision DESC OFFSET ${REVISIONS_MAX} LIMIT 1)`.execute(transaction);
}

function listRevisions(database: Database, draftId: string): Promise<readonly DraftRevisionRecord[]> {
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

function getRevision(database: Database, draftId: string, revision: number): Promise<DraftBody> {
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
