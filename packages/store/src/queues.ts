import type { LoadedQueue, QueueKey, QueuePage, QueueQuery } from "@millrace/core";
import type pg from "pg";
import { loadRuns } from "./loaded-runs.ts";
import { RUN_BYTES } from "./run-sizes.ts";

interface QueueRow {
  readonly partition: number;
  readonly workflow_id: string;
  readonly project_id: string;
  readonly parked: number;
  readonly priority: number;
  readonly sequence: number;
}

/**
 * Workflows with parked runs, how many they have and which is first. From one workflow to the next by the index; the counts read
 * the index alone.
 */
export async function readQueues(
  client: pg.ClientBase,
  partitions: readonly number[],
): Promise<Map<number, LoadedQueue[]>> {
  const { rows } = await client.query<QueueRow>(
    `WITH RECURSIVE found AS (
       SELECT p.partition, f.workflow_id, f.project_id, f.priority, f.sequence FROM unnest($1::int4[]) AS p (partition)
       CROSS JOIN LATERAL (SELECT workflow_id, project_id, priority, sequence FROM runs
         WHERE partition = p.partition AND parked ORDER BY workflow_id, -priority, sequence LIMIT 1) f
       UNION ALL
       SELECT p.partition, f.workflow_id, f.project_id, f.priority, f.sequence FROM found p
       CROSS JOIN LATERAL (SELECT workflow_id, project_id, priority, sequence FROM runs
         WHERE partition = p.partition AND parked AND workflow_id > p.workflow_id
         ORDER BY workflow_id, -priority, sequence LIMIT 1) f
     )
     SELECT found.*, (SELECT count(*) FROM runs r
       WHERE r.partition = found.partition AND r.workflow_id = found.workflow_id AND r.parked)::int4 AS parked FROM found`,
    [[...partitions]],
  );
  const queues = Map.groupBy(rows, ({ partition }) => partition);
  return new Map([...queues].map(([partition, found]) => [partition, found.map(toQueue)]));
}

function toQueue({ workflow_id, project_id, parked, priority, sequence }: QueueRow): LoadedQueue {
  return { workflowId: workflow_id, projectId: project_id, parked, first: { priority, sequence } };
}

interface PlaceRow {
  /** Which query asked for it, from 1. */
  readonly query: number;
  readonly id: string;
  readonly priority: number;
  readonly sequence: number;
  /** Bytes of the page up to here and with this run. */
  readonly bytes: number;
}

/** The next parked runs for each query, and where to go on; all in the snapshot of the transaction. */
export async function readQueuePages(client: pg.ClientBase, queries: readonly QueueQuery[]): Promise<QueuePage[]> {
  const { rows } = await client.query<PlaceRow>(
    `SELECT q.query::int4, r.id, r.priority, r.sequence,
       (sum(r.bytes) OVER (PARTITION BY q.query ORDER BY -r.priority, r.sequence))::float8 AS bytes
     FROM unnest($1::int4[], $2::uuid[], $3::int4[], $4::int8[], $5::int4[])
       WITH ORDINALITY AS q (partition, workflow_id, priority, sequence, runs_max, query)
     CROSS JOIN LATERAL (
       SELECT r.id, r.priority, r.sequence, ${RUN_BYTES} AS bytes FROM runs r
       WHERE r.partition = q.partition AND r.workflow_id = q.workflow_id AND r.parked
         AND (-r.priority, r.sequence) >= (-q.priority, q.sequence)
       ORDER BY -r.priority, r.sequence LIMIT q.runs_max + 1
     ) r ORDER BY q.query, -r.priority, r.sequence`,
    [
      queries.map(({ partition }) => partition),
      queries.map(({ workflowId }) => workflowId),
      queries.map(({ from }) => from.priority),
      queries.map(({ from }) => from.sequence),
      queries.map(({ runsMax }) => runsMax),
    ],
  );
  const places = Map.groupBy(rows, ({ query }) => query);
  const cut = queries.map((query, index) => cutPage(query, places.get(index + 1) ?? []));
  const ids = cut.flatMap(({ page }) => page.map(({ id }) => id));
  const runs = new Map((await loadRuns(client, "id = ANY ($1)", [ids])).map((run) => [run.runId, run]));
  return cut.map(({ page, next }) => ({ rows: page.map(({ id }) => runs.get(id)!), next: next && toKey(next) }));
}

/** As many as are wanted and have room; the first one whatever its size. */
function cutPage({ runsMax, bytesMax }: QueueQuery, rows: readonly PlaceRow[]) {
  const large = rows.findIndex(({ bytes }, index) => index > 0 && bytes > bytesMax);
  const end = Math.min(runsMax, large < 0 ? rows.length : large);
  return { page: rows.slice(0, end), next: rows[end] };
}

function toKey({ priority, sequence }: PlaceRow): QueueKey {
  return { priority, sequence };
}
