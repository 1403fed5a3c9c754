import type pg from "pg";
import { countRuns } from "./count-runs.ts";
import { SERIES_LEVELS, SERIES_STEP_MS, type HouseSample } from "./series-records.ts";
import { markIntervals, rollUp, writeRuns, writeSample } from "./write-series.ts";

/** Any number, but the same in every release: two schedulers do not count at the same time. */
const KEEP_LOCK = 0x6d696c73;
/** What ended shortly before the last time is counted again: its commit may have come later. */
const OVERLAP_MS = 2 * SERIES_STEP_MS;
/** And so long back so often: a scheduler that was cut off from the database commits what ended long ago. */
const RECOUNT_MS = 900_000;
/** The intervals since the last time are counted; of longer ones nobody knows whether somebody was there. */
const BRIDGED_MS = 6 * SERIES_STEP_MS;
/** Most that is counted in one statement: some hundred thousand runs at the most. */
const PIECE_MS = 60_000;
/** So far back the first time counts. */
const FIRST_MS = 600_000;
/** Behind an absence nothing can have ended but what ended around its two edges. */
const ABSENCE_MS = 3_600_000;
/** So much of each. */
const EDGE_MS = 900_000;
/** What runners and schedulers that are gone have said. */
const SAID_KEPT = "1 day";

/** Counts up to the last multiple of the step, unless somebody else does or has done so. */
export async function keepSeries(client: pg.ClientBase, nowMs: number, sample: HouseSample): Promise<boolean> {
  const untilMs = Math.floor(nowMs / SERIES_STEP_MS) * SERIES_STEP_MS;
  // The session's: it is free again when the process or its connection has died.
  const { rows } = await client.query<{ had: boolean }>("SELECT pg_try_advisory_lock($1) AS had", [KEEP_LOCK]);
  if (rows[0]?.had !== true) return false;
  try {
    return await keep(client, untilMs, sample);
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [KEEP_LOCK]);
  }
}

/** How far a level is counted; undefined before the first time. */
export async function readProgress(client: pg.ClientBase, resolution: number): Promise<number | undefined> {
  const { rows } = await client.query<{ counted_until: number }>(
    "SELECT counted_until FROM series_progress WHERE resolution = $1",
    [resolution],
  );
  return rows[0]?.counted_until;
}

async function keep(client: pg.ClientBase, untilMs: number, sample: HouseSample): Promise<boolean> {
  const last = (await readProgress(client, SERIES_LEVELS[0].resolution)) ?? untilMs - FIRST_MS;
  if (last >= untilMs) return false;
  const recounts = Math.floor(last / RECOUNT_MS) < Math.floor(untilMs / RECOUNT_MS);
  const fromMs = last - (recounts ? RECOUNT_MS : OVERLAP_MS);
  for (const [from, until] of piecesOf(fromMs, untilMs)) {
    await writeRuns(client, await countRuns(client, from, until));
    // Whoever goes on behind a failure does not begin anew. The last piece stands with the sample.
    if (until > last && until < untilMs) await advance(client, 0, until);
  }
  await inTransaction(client, async () => {
    await markIntervals(client, untilMs - last <= BRIDGED_MS ? last : untilMs - SERIES_STEP_MS, untilMs);
    await writeSample(client, untilMs - SERIES_STEP_MS, sample);
    await advance(client, 0, untilMs);
  });
  await rollUpAll(client, fromMs, untilMs, recounts);
  if (recounts) await prune(client, untilMs);
  return true;
}

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query("BEGIN");
  try {
    await work();
    await client.query("COMMIT");
  } catch (thrown) {
    await client.query("ROLLBACK");
    throw thrown;
  }
}

/** What is to be counted, in pieces; the middle of a long absence, in which nobody can have ended a run, is left out. */
function* piecesOf(fromMs: number, untilMs: number): Generator<readonly [number, number]> {
  const long = untilMs - fromMs > ABSENCE_MS;
  const spans: [number, number][] = long
    ? [
        [fromMs, fromMs + EDGE_MS],
        [untilMs - EDGE_MS, untilMs],
      ]
    : [[fromMs, untilMs]];
  for (const [from, until] of spans) {
    for (let at = from; at < until; at += PIECE_MS) yield [at, Math.min(until, at + PIECE_MS)];
  }
}

/** Coarser intervals are made anew when enough of the finer ones are there, and all of them after a recount. */
async function rollUpAll(client: pg.ClientBase, fromMs: number, untilMs: number, all: boolean): Promise<void> {
  for (const [index, { resolution, everyMs }] of SERIES_LEVELS.entries()) {
    if (index === 0) continue;
    const progress = await readProgress(client, resolution);
    const last = progress ?? fromMs;
    // A new house shows every range from its first count on.
    const due = progress === undefined || Math.floor(last / everyMs) < Math.floor(untilMs / everyMs);
    if (!due && !all) continue;
    await rollUp(client, index, Math.min(last - OVERLAP_MS, fromMs), untilMs);
    await advance(client, index, untilMs);
  }
}

async function advance(client: pg.ClientBase, index: number, untilMs: number): Promise<void> {
  await client.query(
    `INSERT INTO series_progress (resolution, counted_until) VALUES ($1, $2)
     ON CONFLICT (resolution) DO UPDATE SET counted_until = excluded.counted_until`,
    [SERIES_LEVELS[index]!.resolution, new Date(untilMs)],
  );
}

async function prune(client: pg.ClientBase, nowMs: number): Promise<void> {
  for (const { resolution, keptMs } of SERIES_LEVELS) {
    for (const table of ["series_runs", "series_pools", "series_intervals"]) {
      await client.query(`DELETE FROM ${table} WHERE resolution = $1 AND time < $2`, [
        resolution,
        new Date(nowMs - keptMs),
      ]);
    }
  }
  for (const table of ["series_counters", "series_waiting"]) {
    await client.query(`DELETE FROM ${table} WHERE seen_time < now() - interval '${SAID_KEPT}'`);
  }
}
