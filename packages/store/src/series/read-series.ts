import type pg from "pg";
import { readProgress } from "./keep-series.ts";
import type { PoolColumns } from "./pool-columns.ts";
import type {
  PoolInterval,
  PoolIntervals,
  RunInterval,
  SeriesPage,
  SeriesQuery,
  SeriesScope,
} from "./series-records.ts";

interface RunRow {
  readonly time: number;
  readonly accepted: number | null;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly durations: number[];
  readonly waits: number[];
}

type PoolRow = PoolColumns & { readonly time: number };

const NOTHING = { accepted: 0, succeeded: 0, failed: 0, cancelled: 0, durations: [], waits: [] };

/** Reads the intervals of a range. */
export async function readSeries(client: pg.ClientBase, query: SeriesQuery): Promise<SeriesPage> {
  const countedUntilMs = (await readProgress(client, query.level.resolution)) ?? null;
  const runs = await readRuns(client, query);
  if (query.scope.kind === "workflow") return { countedUntilMs, runs, pools: [], runnersLeftOut: 0 };
  return { countedUntilMs, runs, ...(await readPools(client, query)) };
}

/** An interval that was counted and has no runs is there, with zeros; one in which runs ended was counted, too. */
async function readRuns(client: pg.ClientBase, query: SeriesQuery): Promise<RunInterval[]> {
  const { rows } = await client.query<RunRow>(
    `SELECT time, accepted, succeeded, failed, cancelled, durations, waits
     FROM (SELECT time FROM series_intervals WHERE resolution = $1 AND time >= $2 AND time < $3) i
     FULL JOIN (SELECT * FROM series_runs WHERE resolution = $1 AND time >= $2 AND time < $3
       AND project_id = $4 AND scope = $5) r USING (time)
     ORDER BY time`,
    [...rangeOf(query), query.projectId, scopeKey(query.scope)],
  );
  return rows.map(({ time: timeMs, ...row }) =>
    row.accepted === null ? { timeMs, ...NOTHING } : { timeMs, ...row, accepted: row.accepted },
  );
}

function rangeOf({ level, startMs, endMs }: SeriesQuery): unknown[] {
  return [level.resolution, new Date(startMs), new Date(endMs)];
}

function scopeKey(scope: SeriesScope): string {
  if (scope.kind === "project") return "";
  return `${scope.kind === "workflow" ? "w" : "p"}:${scope.name}`;
}

async function readPools(client: pg.ClientBase, query: SeriesQuery) {
  const pool = query.scope.kind === "pool" ? query.scope.name : null;
  const { rows: busiest } = await client.query<{ pool: string; runner: string; place: number }>(
    `SELECT pool, runner, row_number() OVER (PARTITION BY runner = '' ORDER BY sum(busy) DESC, pool, runner) AS place
     FROM series_pools WHERE resolution = $1 AND time >= $2 AND time < $3 AND ($4::text IS NULL OR pool = $4)
     GROUP BY pool, runner`,
    [...rangeOf(query), pool],
  );
  const shown = busiest.filter(({ place }) => place <= query.poolsMax);
  const { rows } = await client.query<PoolRow>(
    `SELECT s.* FROM unnest($4::text[], $5::text[]) AS n (pool, runner) JOIN series_pools s USING (pool, runner)
     WHERE resolution = $1 AND time >= $2 AND time < $3 ORDER BY pool, runner, time`,
    [...rangeOf(query), shown.map((one) => one.pool), shown.map(({ runner }) => runner)],
  );
  const runners = busiest.filter(({ runner }) => runner !== "").length;
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.pool, row.runner]));
  return {
    pools: [...groups.values()].map(toIntervals),
    runnersLeftOut: Math.max(0, runners - query.poolsMax),
  };
}

function toIntervals(rows: readonly PoolRow[]): PoolIntervals {
  const { pool, runner } = rows[0]!;
  return { pool, runner, points: rows.map(toInterval) };
}

function toInterval(row: PoolRow): PoolInterval {
  const { samples, waiting_samples: told } = row;
  return {
    timeMs: row.time,
    ...{ slots: row.slots / samples, busy: row.busy / samples, warm: row.warm / samples },
    runners: row.runners / samples,
    memoryBytesMax: row.memory_max,
    coldStarts: row.cold_starts,
    waiting: told === 0 ? undefined : row.waiting / told,
    waitingMax: row.waiting_max,
    oldestWaitMsMax: row.oldest_wait_ms_max,
  };
}
