/** Removes ended runs of days that stay, with all that belongs to them, a few at a time. */
import type { Database } from "../database.ts";
import { releaseRuns } from "../objects/collect.ts";

/** How the work is spread over time. */
export interface Pace {
  /** Between two batches, so that whoever works beside it hardly notices. */
  readonly pauseMs: number;
  /** True when the work is to end here; the next round goes on with it. */
  readonly isOver: () => boolean;
}

/** Runs of one workflow that are not kept any more. */
export interface Expired {
  readonly workflowId: string;
  readonly day: string;
  /** Those that ended before. */
  readonly endedBeforeMs: number;
  /** Only those up to this id; undefined for all. */
  readonly upTo?: string;
}

/** Tables without days of their own whose rows go with the run that they are about. */
export const RUN_TABLES = ["dead_letters_settled", "step_attempts"] as const;

const RUNS_BATCH = 500;
/** Rows of one statement: a run may have hundreds of thousands of lines. */
const ROWS_BATCH = 5_000;
const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Removes them in batches; returns how many. */
export async function trimRuns(database: Database, expired: Expired, pace: Pace): Promise<number> {
  let removed = 0;
  for (let after = FIRST_ID; !pace.isOver();) {
    const rows = await database.query<{ id: string }>(
      `SELECT id FROM history_runs WHERE day = $1 AND workflow_id = $2 AND id > $3 AND id <= $4
         AND end_time < to_timestamp($5::float8 / 1000) ORDER BY id LIMIT ${RUNS_BATCH}`,
      [expired.day, expired.workflowId, after, expired.upTo ?? LAST_ID, expired.endedBeforeMs],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0) await removeRuns(database, expired.day, ids, pace);
    removed += ids.length;
    if (ids.length < RUNS_BATCH) break;
    after = ids.at(-1)!;
  }
  return removed;
}

/** The run's own row goes last: whatever ends this in between, the run is found again. */
async function removeRuns(database: Database, day: string, ids: readonly string[], pace: Pace): Promise<void> {
  await releaseRuns(database, ids);
  for (const table of ["log_lines", "history_steps"]) {
    for (let count = ROWS_BATCH; count === ROWS_BATCH; await pause(pace)) {
      count = await database.change(
        `DELETE FROM ${table} WHERE day = $1 AND ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE day = $1 AND run_id = ANY ($2::uuid[]) LIMIT ${ROWS_BATCH}))`,
        [day, ids],
      );
    }
  }
  for (const table of RUN_TABLES) await database.change(`DELETE FROM ${table} WHERE run_id = ANY ($1::uuid[])`, [ids]);
  await database.change("DELETE FROM history_runs WHERE day = $1 AND id = ANY ($2::uuid[])", [day, ids]);
  await pause(pace);
}

function pause({ pauseMs }: Pace): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}
