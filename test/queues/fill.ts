import assert from "node:assert/strict";
import type pg from "pg";

/** A version 7 id of this moment, from a number. */
const RUN_ID = `(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
  || substr(md5(g.n::text || $1), 1, 3) || '8' || substr(md5(g.n::text || $1), 4, 15))::uuid`;
const BATCH = 100_000;

/** What is put into the record behind the back of its owner, who has to be replaced before it counts. */
export interface Waiting {
  /** Workflow of a waiting run that the others are copies of. */
  readonly template: string;
  readonly workflow: string;
  readonly runs: number;
}

/** Parked runs of a workflow, as its owner would have parked them. */
export async function fillWaiting(database: pg.Client, { template, workflow, runs }: Waiting): Promise<void> {
  // In the partition of its runs so far, behind all that was accepted there.
  const { rows } = await database.query<{ partition: number; version_id: string }>(
    `SELECT partition, version_id FROM runs WHERE workflow_id = $1
     UNION ALL SELECT partition, version_id FROM history_runs WHERE workflow_id = $1 LIMIT 1`,
    [workflow],
  );
  const place = rows[0];
  assert.ok(place, "the workflow has had a run");
  await inBatches(runs, (from, to) =>
    database.query(
      `INSERT INTO runs (id, partition, sequence, project_id, workflow_id, version_id, create_time, event_falls_back_to_body,
         wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context, parked)
       SELECT ${RUN_ID}, $2, e.epoch * 4294967296 + 1000000 + g.n, r.project_id, $3, $4, now(), r.event_falls_back_to_body,
         false, false, '', r.trigger_kind, '', r.trace_id, r.event, r.context, true
       FROM generate_series($5::int, $6::int) AS g (n)
       CROSS JOIN (SELECT * FROM runs WHERE workflow_id = $7 LIMIT 1) r
       CROSS JOIN (SELECT epoch FROM partitions WHERE partition = $2) e`,
      [workflow, place.partition, workflow, place.version_id, from, to, template],
    ),
  );
}

/** Copies of a paused run, with its steps; they wake over the month that begins in an hour. */
export async function fillPaused(database: pg.Client, template: string, runs: number): Promise<void> {
  await inBatches(runs, (from, to) =>
    database.query(
      `WITH copies AS (
         INSERT INTO runs (id, partition, sequence, project_id, workflow_id, version_id, create_time, start_time, wake_time, state,
           assignment, steps_done, event_falls_back_to_body, wants_answer, wants_end, gateway, trigger_kind, trace_parent,
           trace_id, event, context)
         SELECT ${RUN_ID}, r.partition, r.sequence + g.n, r.project_id, r.workflow_id, r.version_id, now(), r.start_time,
           now() + interval '1 hour' + g.n * interval '2 seconds', r.state, r.assignment, r.steps_done,
           r.event_falls_back_to_body, r.wants_answer, r.wants_end, r.gateway, r.trigger_kind, r.trace_parent, r.trace_id,
           r.event, r.context
         FROM generate_series($2::int, $3::int) AS g (n) CROSS JOIN (SELECT * FROM runs WHERE id = $4) r
         RETURNING id
       )
       INSERT INTO run_steps SELECT c.id, s.path, s.ordinal, s.assignment, s.name, s.execution_id, s.start_time, s.end_time,
         s.last_log_sequence, s.exports, s.return_value, s.response_body, s.detail
       FROM copies c CROSS JOIN (SELECT * FROM run_steps WHERE run_id = $4) s`,
      [template, from, to, template],
    ),
  );
}

async function inBatches(runs: number, insert: (from: number, to: number) => Promise<unknown>): Promise<void> {
  for (let from = 1; from <= runs; from += BATCH) await insert(from, Math.min(runs, from + BATCH - 1));
}
