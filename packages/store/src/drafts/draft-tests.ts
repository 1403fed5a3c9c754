import type { Database } from "../database.ts";
import { releaseObjects } from "../objects/retainers.ts";
import type { DraftTestRecord } from "./draft-records.ts";

/** Enough for the newest test of each of a workflow's steps, and some of all of them. */
const LISTED_MAX = 500;

interface TestRow {
  readonly run_id: string;
  readonly draft_id: string;
  readonly step_id: string;
  readonly hashes: DraftTestRecord["hashes"];
  readonly given: DraftTestRecord["given"];
  readonly create_time: number;
}

/** Keeps what is tested, before the run begins. */
export async function recordTest(database: Database, test: Omit<DraftTestRecord, "createTimeMs">): Promise<void> {
  const { runId, draftId, stepId, hashes, given } = test;
  await database.change(
    "INSERT INTO draft_tests (run_id, draft_id, step_id, hashes, given) VALUES ($1, $2, $3, $4, $5)",
    [runId, draftId, stepId, JSON.stringify(hashes), JSON.stringify(given)],
  );
}

/** The newest tests of a draft. */
export async function listTests(database: Database, draftId: string): Promise<readonly DraftTestRecord[]> {
  const rows = await database.query<TestRow>(
    "SELECT * FROM draft_tests WHERE draft_id = $1 ORDER BY create_time DESC LIMIT $2",
    [draftId, LISTED_MAX],
  );
  return rows.map(toTest);
}

/** The test that a run is, with its project. */
export async function findTest(
  database: Database,
  runId: string,
): Promise<(DraftTestRecord & { projectId: string }) | undefined> {
  const [row] = await database.query<TestRow & { project_id: string }>(
    `SELECT t.*, w.project_id FROM draft_tests t JOIN drafts d ON d.id = t.draft_id
     JOIN workflows w ON w.id = d.workflow_id WHERE t.run_id = $1`,
    [runId],
  );
  return row && { ...toTest(row), projectId: row.project_id };
}

/** Forgets the tests of a draft; their runs stay in the history. */
export async function forgetTests(database: Database, draftId: string): Promise<void> {
  await database.change("DELETE FROM draft_tests WHERE draft_id = $1", [draftId]);
}

/** What tests leave in `/tmp` is for the hours in which somebody works at a draft. */
async function leaveTmp(database: Database): Promise<number> {
  const old = await database.query<{ owner_id: string }>(
    "SELECT owner_id FROM object_retainers WHERE kind = 'test' AND retain_time < now() - interval '12 hours' LIMIT 1000",
  );
  for (const { owner_id: id } of old) await releaseObjects(database, { kind: "test", id }, undefined);
  return old.length;
}

/** Removes tests and versions of tests whose runs are gone from the history. */
export async function pruneTests(database: Database, olderThanMs: number): Promise<number> {
  const before = new Date(olderThanMs);
  const tests = await database.change("DELETE FROM draft_tests WHERE create_time < $1", [before]);
  const versions = await database.change(
    `DELETE FROM versions v WHERE v.test_hash IS NOT NULL AND v.create_time < $1
       AND NOT EXISTS (SELECT FROM runs r WHERE r.version_id = v.id)`,
    [before],
  );
  return tests + versions + (await leaveTmp(database));
}

function toTest(row: TestRow): DraftTestRecord {
  return {
    runId: row.run_id,
    draftId: row.draft_id,
    stepId: row.step_id,
    hashes: row.hashes,
    given: row.given,
    createTimeMs: row.create_time,
  };
}
