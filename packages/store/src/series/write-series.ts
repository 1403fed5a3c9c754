import type pg from "pg";
import type { CountedRuns } from "./count-runs.ts";
import { mergeHistograms } from "./histogram.ts";
import type { PoolColumns } from "./pool-columns.ts";
import {
  SERIES_LEVELS,
  SERIES_STEP_MS,
  type HouseSample,
  type RunnerSample,
  type SeriesLevel,
  type WaitingSample,
} from "./series-records.ts";

/** Pools and runners beyond these are not followed; what runners do counts for their pool all the same. */
const POOLS_MAX = 200;
const RUNNERS_MAX = 200;
/** What a scheduler says of itself holds until it should have said it anew. */
const REPORT_LIFE = "15 seconds";

/** A row of `series_runs`, as JSON. */
interface RunRow {
  readonly project_id: string;
  readonly scope: string;
  readonly time: number;
  readonly accepted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly durations: readonly number[];
  readonly waits: readonly number[];
}

/**
 * Runs whose history was trimmed meanwhile are still counted: counting an interval again never makes it less. What ended and how
 * long it took is taken from one and the same count.
 */
const UPSERT_RUNS = `INSERT INTO series_runs AS s
    (resolution, project_id, scope, time, accepted, succeeded, failed, cancelled, durations, waits)
  SELECT $1, project_id, scope, to_timestamp(time / 1000.0), accepted, succeeded, failed, cancelled, durations, waits
  FROM json_to_recordset($2::json) AS r (project_id uuid, scope text, time bigint, accepted bigint, succeeded bigint,
    failed bigint, cancelled bigint, durations integer[], waits integer[])
  ON CONFLICT (resolution, project_id, scope, time) DO UPDATE SET
    accepted = GREATEST(s.accepted, excluded.accepted),
    (succeeded, failed, cancelled, durations, waits) = (SELECT n.succeeded, n.failed, n.cancelled, n.durations, n.waits
      FROM (VALUES (excluded.succeeded, excluded.failed, excluded.cancelled, excluded.durations, excluded.waits),
        (s.succeeded, s.failed, s.cancelled, s.durations, s.waits)) AS n (succeeded, failed, cancelled, durations, waits)
      ORDER BY n.succeeded + n.failed + n.cancelled DESC LIMIT 1)
  WHERE (s.accepted, s.succeeded + s.failed + s.cancelled)
    IS DISTINCT FROM (excluded.accepted, excluded.succeeded + excluded.failed + excluded.cancelled)`;

/** Writes what was counted. */
export async function writeRuns(client: pg.ClientBase, counted: readonly CountedRuns[]): Promise<void> {
  const rows = counted.map(({ projectId, timeMs, ...rest }): RunRow => ({
    project_id: projectId,
    time: timeMs,
    ...rest,
  }));
  await upsertRuns(client, SERIES_LEVELS[0], rows);
}

async function upsertRuns(client: pg.ClientBase, { resolution }: SeriesLevel, rows: readonly RunRow[]): Promise<void> {
  if (rows.length > 0) await client.query(UPSERT_RUNS, [resolution, JSON.stringify(rows)]);
}

/** Keeps what a scheduler says of itself. */
export async function writeReport(
  client: pg.ClientBase,
  scheduler: string,
  waiting: readonly WaitingSample[],
): Promise<void> {
  await client.query(
    `INSERT INTO series_waiting (scheduler, pools, seen_time) VALUES ($1, $2, now())
     ON CONFLICT (scheduler) DO UPDATE SET pools = excluded.pools, seen_time = excluded.seen_time`,
    [scheduler, JSON.stringify(waiting.slice(0, POOLS_MAX))],
  );
}

/** Says that intervals were counted. */
export async function markIntervals(client: pg.ClientBase, fromMs: number, untilMs: number): Promise<void> {
  await client.query(
    `INSERT INTO series_intervals (resolution, time)
     SELECT $1::int4, generate_series($2::timestamptz, $3::timestamptz - interval '1 millisecond', $1::int4 * interval '1 second')
     ON CONFLICT DO NOTHING`,
    [SERIES_STEP_MS / 1000, new Date(fromMs), new Date(untilMs)],
  );
}

/** Makes the intervals of a level that overlap a range anew, from those of the level below. */
export async function rollUp(client: pg.ClientBase, index: number, fromMs: number, untilMs: number): Promise<void> {
  const level = SERIES_LEVELS[index]!;
  const below = SERIES_LEVELS[index - 1]!.resolution;
  const lengthMs = level.resolution * 1000;
  const range = [new Date(Math.floor(fromMs / lengthMs) * lengthMs), new Date(untilMs)];
  const { rows } = await client.query<RunRow>(
    `SELECT project_id, scope, time, accepted, succeeded, failed, cancelled, durations, waits FROM series_runs
     WHERE resolution = $1 AND time >= $2 AND time < $3`,
    [below, ...range],
  );
  const groups = Map.groupBy(rows, ({ project_id, scope, time }) => {
    return `${project_id} ${Math.floor(time / lengthMs) * lengthMs} ${scope}`;
  });
  await upsertRuns(
    client,
    level,
    [...groups.values()].map((group) => merged(group, lengthMs)),
  );
  await client.query(
    `INSERT INTO series_intervals (resolution, time)
     SELECT DISTINCT $1::int4, ${truncated} FROM series_intervals WHERE resolution = $4 AND time >= $2 AND time < $3
     ON CONFLICT DO NOTHING`,
    [level.resolution, ...range, below],
  );
  await client.query(ROLL_UP_POOLS, [level.resolution, ...range, below]);
}

const truncated = "to_timestamp(floor(extract(epoch FROM time) / $1::int4) * $1::int4)";

const SUMS = ["samples", "slots", "busy", "warm", "runners", "cold_starts", "waiting_samples", "waiting"];
const MOSTS = ["memory_max", "waiting_max", "oldest_wait_ms_max"];

const ROLL_UP_POOLS = `INSERT INTO series_pools (resolution, time, pool, runner, ${[...SUMS, ...MOSTS].join(", ")})
  SELECT $1::int4, ${truncated}, pool, runner, ${SUMS.map((name) => `sum(${name})`).join(", ")},
    ${MOSTS.map((name) => `max(${name})`).join(", ")}
  FROM series_pools WHERE resolution = $4 AND time >= $2 AND time < $3 GROUP BY 2, pool, runner
  ON CONFLICT (resolution, time, pool, runner) DO UPDATE SET
    ${[...SUMS, ...MOSTS].map((name) => `${name} = excluded.${name}`).join(", ")}`;

function merged(group: readonly RunRow[], lengthMs: number): RunRow {
  const [first] = group;
  const sum = (name: "accepted" | "succeeded" | "failed" | "cancelled"): number =>
    group.reduce((total, row) => total + row[name], 0);
  return {
    project_id: first!.project_id,
    scope: first!.scope,
    time: Math.floor(first!.time / lengthMs) * lengthMs,
    ...{ accepted: sum("accepted"), succeeded: sum("succeeded") },
    ...{ failed: sum("failed"), cancelled: sum("cancelled") },
    durations: mergeHistograms(group.map(({ durations }) => durations)),
    waits: mergeHistograms(group.map(({ waits }) => waits)),
  };
}

/** Adds a sample of the house to an interval. */
export async function writeSample(client: pg.ClientBase, timeMs: number, sample: HouseSample): Promise<void> {
  const waiting = await readWaiting(client, sample);
  const rows = poolRows(sample.runners, waiting, await takeColdStarts(client, sample));
  if (rows.length === 0) return;
  const columns = [...SUMS, ...MOSTS];
  await client.query(
    `INSERT INTO series_pools AS s (resolution, time, pool, runner, ${columns.join(", ")})
     SELECT $1, $2, pool, runner, ${columns.join(", ")} FROM json_to_recordset($3::json) AS r (pool text, runner text,
       samples integer, slots float8, busy float8, warm float8, runners float8, memory_max bigint, cold_starts bigint,
       waiting_samples integer, waiting float8, waiting_max bigint, oldest_wait_ms_max bigint)
     ON CONFLICT (resolution, time, pool, runner) DO UPDATE SET
       ${SUMS.map((name) => `${name} = s.${name} + excluded.${name}`).join(", ")},
       ${MOSTS.map((name) => `${name} = GREATEST(s.${name}, excluded.${name})`).join(", ")}`,
    [SERIES_LEVELS[0].resolution, new Date(timeMs), JSON.stringify(rows)],
  );
}

/** By runner, how much the counters have grown since they were read last: all of it for a runner that has started since. */
async function takeColdStarts(client: pg.ClientBase, { runners }: HouseSample): Promise<Map<string, number>> {
  if (runners.length === 0) return new Map();
  const { rows } = await client.query<{ runner: string; incarnation: string; cold_starts: number }>(
    "SELECT runner, incarnation, cold_starts FROM series_counters WHERE runner = ANY ($1)",
    [runners.map(({ runner }) => runner)],
  );
  await client.query(
    `INSERT INTO series_counters (runner, incarnation, cold_starts, seen_time)
     SELECT runner, incarnation, cold_starts, now() FROM unnest($1::text[], $2::text[], $3::bigint[])
       AS r (runner, incarnation, cold_starts)
     ON CONFLICT (runner) DO UPDATE SET incarnation = excluded.incarnation, cold_starts = excluded.cold_starts,
       seen_time = excluded.seen_time`,
    [
      runners.map(({ runner }) => runner),
      runners.map(({ incarnation }) => incarnation),
      runners.map(({ coldStarts }) => coldStarts),
    ],
  );
  const before = new Map(rows.map((row) => [row.runner, row]));
  return new Map(
    runners.map(({ runner, incarnation, coldStarts }) => {
      const known = before.get(runner);
      const base = known?.incarnation === incarnation ? known.cold_starts : 0;
      return [runner, Math.max(0, coldStarts - base)];
    }),
  );
}

/** What waits at all schedulers; undefined when one that is alive has not said so lately. */
async function readWaiting(client: pg.ClientBase, { schedulers }: HouseSample): Promise<WaitingSample[] | undefined> {
  const { rows } = await client.query<{ scheduler: string; pools: WaitingSample[] }>(
    `SELECT scheduler, pools FROM series_waiting WHERE seen_time > now() - interval '${REPORT_LIFE}'`,
  );
  const said = new Map(rows.map(({ scheduler, pools }) => [scheduler, pools]));
  const known = schedulers?.map((name) => said.get(name));
  if (known === undefined || known.includes(undefined)) return undefined;
  const pools = Map.groupBy(
    known.flatMap((one) => one ?? []),
    ({ pool }) => pool,
  );
  return [...pools].map(([pool, parts]) => ({
    pool,
    waiting: parts.reduce((sum, part) => sum + part.waiting, 0),
    oldestWaitMs: Math.max(...parts.map(({ oldestWaitMs }) => oldestWaitMs)),
  }));
}

function poolRows(
  runners: readonly RunnerSample[],
  waiting: readonly WaitingSample[] | undefined,
  coldStarts: ReadonlyMap<string, number>,
): PoolColumns[] {
  const ofRunners = runners.map((one): PoolColumns => ({
    ...{ pool: one.pool, runner: one.runner, samples: 1, slots: one.slots, busy: one.busy, warm: one.warm, runners: 1 },
    ...{ memory_max: one.memoryBytes, cold_starts: coldStarts.get(one.runner) ?? 0, ...NOTHING_WAITS },
  }));
  const byPool = Map.groupBy(ofRunners, ({ pool }) => pool);
  const names = new Set([...byPool.keys(), ...(waiting ?? []).map(({ pool }) => pool)]);
  const ofPools = [...names]
    .sort()
    .slice(0, POOLS_MAX)
    .map((pool): PoolColumns => {
      const members = byPool.get(pool) ?? [];
      const sum = (name: "slots" | "busy" | "warm" | "memory_max" | "cold_starts"): number =>
        members.reduce((total, row) => total + row[name], 0);
      const load = waiting?.find((one) => one.pool === pool);
      return {
        ...{ pool, runner: "", samples: 1, runners: members.length },
        ...{ slots: sum("slots"), busy: sum("busy"), warm: sum("warm") },
        ...{ memory_max: sum("memory_max"), cold_starts: sum("cold_starts") },
        ...{ waiting_samples: waiting === undefined ? 0 : 1, waiting: load?.waiting ?? 0 },
        ...{ waiting_max: load?.waiting ?? 0, oldest_wait_ms_max: Math.round(load?.oldestWaitMs ?? 0) },
      };
    });
  return [...ofPools, ...ofRunners.slice(0, RUNNERS_MAX)];
}

const NOTHING_WAITS = { waiting_samples: 0, waiting: 0, waiting_max: 0, oldest_wait_ms_max: 0 };
