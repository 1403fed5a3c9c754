import { isRunId, runIdDay, type SubmitQuery } from "@millrace/core";
import type { Database } from "./database.ts";

/** For each submit the run that it stands for: its own, or the one that its idempotency key belongs to; undefined for none. */
export async function findSubmits(
  database: Database,
  queries: readonly SubmitQuery[],
): Promise<readonly (string | undefined)[]> {
  const rows = await database.query<{ query: number; id: string }>(
    `SELECT q.query::int4, COALESCE(
       (SELECT id FROM runs WHERE id = q.id LIMIT 1),
       (SELECT h.id FROM history_runs h WHERE h.day = q.day AND h.id = q.id LIMIT 1),
       (SELECT run_id FROM idempotency_keys k WHERE k.workflow_id = q.workflow_id AND k.key = q.key AND k.expire_time > now() LIMIT 1)
     ) AS id
     FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[]) WITH ORDINALITY AS q (id, day, workflow_id, key, query)`,
    [
      queries.map(({ runId }) => (isRunId(runId) ? runId : null)),
      queries.map(({ runId }) => (isRunId(runId) ? runIdDay(runId) : null)),
      queries.map(({ workflowId }) => workflowId),
      queries.map(({ idempotencyKey }) => (idempotencyKey.includes("\0") ? "" : idempotencyKey)),
    ],
  );
  const found = new Map(rows.map(({ query, id }) => [query, id]));
  return queries.map((_, index) => found.get(index + 1) ?? undefined);
}
