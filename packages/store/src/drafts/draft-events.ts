import type { Database } from "../database.ts";
import type { DraftEventRecord } from "./draft-records.ts";

const EVENTS_MAX = 20;

/** Keeps a request to a draft's test address. */
export async function addEvent(database: Database, draftId: string, eventJson: Uint8Array): Promise<boolean> {
  const added = await database.change(
    "INSERT INTO draft_events (draft_id, event) SELECT id, $2 FROM drafts WHERE id = $1",
    [draftId, eventJson],
  );
  await database.change(
    `DELETE FROM draft_events WHERE draft_id = $1 AND id <= (
       SELECT id FROM draft_events WHERE draft_id = $1 ORDER BY id DESC OFFSET ${EVENTS_MAX} LIMIT 1)`,
    [draftId],
  );
  return added > 0;
}

/** The newest requests to a draft's test address, behind one of them. */
export async function listEvents(
  database: Database,
  draftId: string,
  afterId: number,
): Promise<readonly DraftEventRecord[]> {
  const rows = await database.query<{ id: number; event: Buffer; create_time: number }>(
    "SELECT id, event, create_time FROM draft_events WHERE draft_id = $1 AND id > $2 ORDER BY id",
    [draftId, afterId],
  );
  return rows.map(({ id, event, create_time }) => ({ id, eventJson: event, createTimeMs: create_time }));
}
