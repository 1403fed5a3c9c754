import { isRunId, PlatformError, runIdDay } from "@millrace/core";
import type { Kysely } from "kysely";
import type { Database } from "./database.ts";
import type { Tables } from "./tables.ts";

/** One handing of a run to a runner. */
export interface AssignmentKey {
  readonly runId: string;
  readonly assignment: number;
}

/**
 * The fence of what user code changes: throws `ASSIGNMENT_STALE` unless the assignment is the run's current one, and keeps it so
 * until the end of the transaction. Call it **last**: the scheduler's commit of that run waits from here on, and must not wait
 * for anything that the transaction may still have to wait for.
 */
export async function assertCurrentAssignment(
  transaction: Kysely<Tables>,
  { runId, assignment }: AssignmentKey,
): Promise<void> {
  const row = await transaction
    .selectFrom("runs")
    .select("id")
    .where("id", "=", runId)
    .where("assignment", "=", assignment)
    .forShare()
    .executeTakeFirst();
  if (row === undefined) throw staleAssignment();
}

/** Where an assignment stands: its run is in it, ended in it, or has gone elsewhere. */
export type AssignmentStanding = "CURRENT" | "ENDED" | "STALE";

/** Looks assignments up, without holding anything. */
export interface Assignments {
  find(key: AssignmentKey): Promise<AssignmentStanding>;
}

/** Assignments on Postgres. */
export function createAssignments(database: Database): Assignments {
  return {
    find: async ({ runId, assignment }) => {
      if (!isRunId(runId)) return "STALE";
      const [found] = await database.query<{ standing: AssignmentStanding }>(
        `SELECT 'CURRENT' AS standing FROM runs WHERE id = $1 AND assignment = $2
         UNION ALL
         SELECT 'ENDED' FROM history_runs WHERE day = $3 AND id = $1 AND assignment = $2`,
        [runId, assignment, runIdDay(runId)],
      );
      return found?.standing ?? "STALE";
    },
  };
}

/** The run is over, or belongs to a later assignment. */
export function staleAssignment(): PlatformError {
  return new PlatformError(
    "FailedPrecondition",
    "ASSIGNMENT_STALE",
    "The run is over or goes on elsewhere; what is left of it here changes nothing any more",
  );
}
