import type { Database } from "../database.ts";

/** What somebody has decided about a dead letter. `REPLAYING`: its new run may not have been accepted yet. */
export type DeadLetterAction = "REPLAYING" | "REPLAYED" | "DISCARDED";

/** A decision about a dead letter. */
export interface SettledDeadLetter {
  readonly action: DeadLetterAction;
  /** The run that replays it; null when it is discarded. */
  readonly replayId: string | null;
}

/** Failed runs are dead letters until somebody settles them; `Runs.list` lists them. Each is settled once. */
export interface DeadLetters {
  /**
   * Says which run is to replay it, before that is submitted; a repeat finds what was said first. As long as nobody has
   * confirmed it, the dead letter stays on the list.
   */
  reserve(projectId: string, runId: string, replayId: string): Promise<SettledDeadLetter>;
  /** The replay was accepted. */
  confirm(runId: string): Promise<void>;
  /** Takes dead letters off the list; those that are settled stay as they are. Returns what holds for each. */
  discard(projectId: string, runIds: readonly string[]): Promise<ReadonlyMap<string, SettledDeadLetter>>;
}

interface SettledRow extends SettledDeadLetter {
  readonly id: string;
}

const FOUND = 'SELECT run_id AS id, action, replay_id AS "replayId" FROM dead_letters_settled WHERE run_id';

/** Dead letters on Postgres. */
export function createDeadLetters(database: Database): DeadLetters {
  return {
    reserve: async (projectId, runId, replayId) => {
      await database.change(
        `INSERT INTO dead_letters_settled (run_id, project_id, action, replay_id) VALUES ($1, $2, 'REPLAYING', $3)
         ON CONFLICT DO NOTHING`,
        [runId, projectId, replayId],
      );
      const [row] = await database.query<SettledRow>(`${FOUND} = $1`, [runId]);
      return row!;
    },
    confirm: async (runId) => {
      await database.change(
        "UPDATE dead_letters_settled SET action = 'REPLAYED', settle_time = now() WHERE run_id = $1 AND action = 'REPLAYING'",
        [runId],
      );
    },
    discard: async (projectId, runIds) => {
      await database.change(
        `INSERT INTO dead_letters_settled (run_id, project_id, action)
         SELECT id, $1, 'DISCARDED' FROM unnest($2::uuid[]) AS d (id) ORDER BY id ON CONFLICT DO NOTHING`,
        [projectId, runIds],
      );
      const rows = await database.query<SettledRow>(`${FOUND} = ANY ($1::uuid[])`, [runIds]);
      return new Map(rows.map(({ id, action, replayId }) => [id, { action, replayId }]));
    },
  };
}
