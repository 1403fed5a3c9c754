import { createRunId } from "@millrace/core";
import { randomBytes } from "node:crypto";
import pg from "pg";

/** Puts a run into the record as one that a runner has, in this assignment; again with another one, it has gone elsewhere. */
export async function recordRun(
  databaseUrl: string,
  run: { readonly projectId: string; readonly runId?: string; readonly assignment?: number },
): Promise<string> {
  const { projectId, runId = createRunId(Date.now(), randomBytes(10)), assignment = 1 } = run;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO runs (id, partition, sequence, project_id, workflow_id, version_id, create_time, event_falls_back_to_body,
         wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context, assignment)
       VALUES ($1, 0, 1, $2, $2, $2, now(), false, false, false, '', 'api', '', '', '', '', $3)
       ON CONFLICT (id) DO UPDATE SET assignment = $3`,
      [runId, projectId, assignment],
    );
  } finally {
    await client.end();
  }
  return runId;
}
