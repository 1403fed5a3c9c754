import type pg from "pg";
import { firstIdOf } from "../runs/run-scan.ts";
import { classSql, toHistogram } from "./histogram.ts";
import { SERIES_STEP_MS, type RunCounts } from "./series-records.ts";

const DAY_MS = 86_400_000;
const STEP_S = SERIES_STEP_MS / 1000;
/** Clocks of gateways and schedulers differ by less. */
const SKEW_MS = 3_600_000;

/** Runs of a scope in one interval. */
export interface CountedRuns extends RunCounts {
  readonly projectId: string;
  readonly scope: string;
  readonly timeMs: number;
}

interface GroupRow {
  readonly what: "accepted" | "state" | "duration" | "wait";
  readonly time: number;
  readonly project_id: string;
  readonly workflow_id: string;
  readonly version_id: string;
  readonly state: string | null;
  readonly class: number | null;
  readonly count: number;
}

const RUN = "project_id, workflow_id, version_id";
const TIMES = `${RUN}, state, create_time, start_time, end_time`;
const GROUP = `time, ${RUN}`;

/**
 * Runs that ended, found by their time in the days that they can lie in; the few that took longer than a day have an index of
 * their own. And runs that were accepted, by the time in their ids. All of one moment, so that none is missed while it ends.
 */
const COUNT = `WITH ended AS (
  SELECT ${TIMES} FROM history_runs WHERE day BETWEEN $3::date AND $4::date AND end_time >= $1 AND end_time < $2
    AND end_time - create_time <= interval '1 day' AND trigger_kind <> 'test'
  UNION ALL
  SELECT ${TIMES} FROM history_runs WHERE end_time >= $1 AND end_time < $2
    AND end_time - create_time > interval '1 day' AND trigger_kind <> 'test'
), classed AS (
  SELECT ${RUN}, state, ${bucket("end_time")} AS time,
    ${classSql("(end_time - start_time)")} AS duration, ${classSql("(start_time - create_time)")} AS wait, start_time
  FROM ended
), accepted AS (
  SELECT ${RUN}, create_time FROM history_runs
  WHERE day BETWEEN $3::date AND $4::date AND id >= $5 AND id < $6 AND trigger_kind <> 'test'
  UNION ALL
  SELECT ${RUN}, create_time FROM runs WHERE id >= $5 AND id < $6 AND trigger_kind <> 'test'
)
SELECT 'accepted' AS what, ${bucket("create_time")} AS time, ${RUN}, NULL AS state, NULL::int4 AS class, count(*) AS count
FROM accepted WHERE create_time >= $1 AND create_time < $2 GROUP BY ${bucket("create_time")}, ${RUN}
UNION ALL
SELECT 'state', ${GROUP}, state, NULL, count(*) FROM classed GROUP BY ${GROUP}, state
UNION ALL
SELECT 'duration', ${GROUP}, NULL, duration, count(*) FROM classed WHERE start_time IS NOT NULL GROUP BY ${GROUP}, duration
UNION ALL
SELECT 'wait', ${GROUP}, NULL, wait, count(*) FROM classed WHERE start_time IS NOT NULL GROUP BY ${GROUP}, wait`;

function bucket(time: string): string {
  return `to_timestamp(floor(extract(epoch FROM ${time}) / ${STEP_S}) * ${STEP_S})`;
}

/** Counts the runs of some intervals, from one multiple of the step to another. */
export async function countRuns(client: pg.ClientBase, fromMs: number, untilMs: number): Promise<CountedRuns[]> {
  const day = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
  const { rows } = await client.query<GroupRow>(COUNT, [
    new Date(fromMs),
    new Date(untilMs),
    day(fromMs - DAY_MS - SKEW_MS),
    day(untilMs + SKEW_MS),
    firstIdOf(fromMs),
    firstIdOf(untilMs),
  ]);
  const pools = await readPools(client, new Set(rows.map(({ version_id }) => version_id)));
  const cells = new Map<string, Cell>();
  for (const row of rows) {
    const pool = pools.get(row.version_id);
    for (const scope of ["", `w:${row.workflow_id}`, ...(pool === undefined ? [] : [`p:${pool}`])]) {
      const key = `${row.time} ${row.project_id} ${scope}`;
      const cell = cells.get(key) ?? new Cell(row, scope);
      cells.set(key, cell);
      cell.add(row);
    }
  }
  return [...cells.values()].map((cell) => cell.counted());
}

async function readPools(client: pg.ClientBase, versionIds: ReadonlySet<string>): Promise<Map<string, string>> {
  if (versionIds.size === 0) return new Map();
  const { rows } = await client.query<{ id: string; pool: string }>(
    "SELECT id, spec->>'pool' AS pool FROM versions WHERE id = ANY ($1::uuid[])",
    [[...versionIds]],
  );
  return new Map(rows.map(({ id, pool }) => [id, pool]));
}

/** One interval of one scope while it is counted. */
class Cell {
  readonly #row: GroupRow;
  readonly #scope: string;
  readonly #counts = { accepted: 0, succeeded: 0, failed: 0, cancelled: 0 };
  readonly #durations = new Map<number, number>();
  readonly #waits = new Map<number, number>();

  constructor(row: GroupRow, scope: string) {
    this.#row = row;
    this.#scope = scope;
  }

  add({ what, state, class: index, count }: GroupRow): void {
    if (what === "accepted") this.#counts.accepted += count;
    else if (what === "state") this.#counts[state!.toLowerCase() as "succeeded"] += count;
    else {
      const counts = what === "duration" ? this.#durations : this.#waits;
      counts.set(index!, (counts.get(index!) ?? 0) + count);
    }
  }

  counted(): CountedRuns {
    const { project_id: projectId, time: timeMs } = this.#row;
    const histograms = { durations: toHistogram(this.#durations), waits: toHistogram(this.#waits) };
    return { projectId, scope: this.#scope, timeMs, ...this.#counts, ...histograms };
  }
}
