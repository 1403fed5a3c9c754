import type { Use } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import type { DraftChange, DraftRecord, Drafts } from "./draft-records.ts";
import { addEvent, listEvents } from "./draft-events.ts";
import { ensureTestVersion } from "./test-versions.ts";
import { getRevision, keepRevision, listRevisions } from "./draft-revisions.ts";
import { findTest, forgetTests, listTests, recordTest } from "./draft-tests.ts";

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
    recordVariableUses: (draftId, revision, uses) => recordVariableUses(database, draftId, revision, uses),
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
    const { body, inputUses, baseVersionId = draft.base?.id ?? null } = changed;
    await keepRevision(transaction, draft, changed.typing === true ? author : undefined);
    await transaction
      .updateTable("drafts")
      .set({
        body: JSON.stringify(body),
        revision: draft.revision + 1,
        base_version_id: baseVersionId,
        author,
        update_time: new Date(),
        ...(inputUses !== undefined && { uses: mergedUses(inputUses, baseVersionId === (draft.base?.id ?? null)) }),
      })
      .where("id", "=", draft.id)
      .execute();
    return toDraft(await draftRows(transaction).where("d.id", "=", draft.id).executeTakeFirstOrThrow());
  });
}

/** What is known of variables stays until the code is looked at again, but not over a change to another version's code. */
function mergedUses(inputUses: readonly Use[], keepsVariables: boolean) {
  return keepsVariables ? sql<string>`${toJsonb(inputUses)} || ${usesOf("=")}` : sql<string>`${toJsonb(inputUses)}`;
}

function toJsonb(uses: readonly Use[]) {
  return sql`${JSON.stringify(uses)}::jsonb`;
}

/** Those of the draft's uses that are of variables, or that are not. */
function usesOf(comparison: "=" | "<>") {
  return sql`coalesce((SELECT jsonb_agg(one) FROM jsonb_array_elements(coalesce(drafts.uses, '[]')) one
    WHERE one->>'kind' ${sql.raw(comparison)} 'variable'), '[]')`;
}

async function recordVariableUses(
  database: Database,
  draftId: string,
  revision: number,
  uses: readonly Use[],
): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction
      .updateTable("drafts")
      .set({ uses: sql<string>`${usesOf("<>")} || ${toJsonb(uses)}` })
      .where("id", "=", draftId)
      .where("revision", "=", revision)
      .execute();
  });
}
