import { isResumePath, parseStepRun, runIdDay, type AttemptLoss } from "@millrace/core";
import { CompiledQuery, type Kysely } from "kysely";
import type { Tables } from "../tables.ts";
import type { RunRow } from "./run-rows.ts";
import { STEP_PLACE, type StepRow } from "./step-detail.ts";

/** One try of a step, whatever came of it. */
export interface StepAttempt {
  /** From 1, those counted that are left out. */
  readonly number: number;
  /** Which execution of the step it was a try of, from 1. */
  readonly execution: number;
  readonly assignment: number;
  /** Known of attempts that came to nothing; empty otherwise. */
  readonly runner: string;
  /** Null when it is not known. */
  readonly startTimeMs: number | null;
  readonly endTimeMs: number;
  readonly outcome: "SUCCEEDED" | "FAILED" | AttemptLoss;
}

/** The attempts of a step: the first and the newest of them. */
export interface StepAttempts {
  readonly attempts: readonly StepAttempt[];
  /** Those in the middle that are not told. */
  readonly leftOut: number;
}

/** An attempt that was lost, as its row says. */
export interface LossRow {
  readonly path: string;
  readonly number: number;
  readonly assignment: number;
  readonly runner: string;
  readonly start_time: number | null;
  readonly end_time: number;
  readonly loss: AttemptLoss;
}

/** An execution of a step that has ended. */
export type Execution = Pick<StepRow, "path" | "assignment" | "start_time" | "end_time"> & { readonly failed: boolean };

/** What a run's steps have tried, beside what came of them in the end. */
export interface Tries {
  readonly losses: readonly LossRow[];
  /** Of steps that were executed again, the first and the newest executions. */
  readonly executions: readonly Execution[];
}

const SHOWN_FIRST = 10;
const SHOWN_NEWEST = 10;
/** Of all steps together: a run has as many steps as it likes. */
const LOSSES_READ_MAX = 1_000;

/** Reads what a run has tried. Steps are executed again in few runs, and then alone their earlier executions are looked for. */
export async function readTries(
  kysely: Kysely<Tables>,
  { id, end_time }: RunRow,
  steps: readonly StepRow[],
): Promise<Tries> {
  const losses = await kysely.executeQuery<LossRow>(
    CompiledQuery.raw(
      `SELECT path, number, assignment, runner, start_time, end_time, loss FROM step_attempts WHERE run_id = $1
       ORDER BY path, number LIMIT ${LOSSES_READ_MAX}`,
      [id],
    ),
  );
  const again = steps.some(({ path }) => !isResumePath(path) && parseStepRun(path).runs > 1);
  if (!again) return { losses: losses.rows, executions: [] };
  const [table, condition] =
    end_time === null ? ["run_steps", "run_id = $1"] : ["history_steps", "run_id = $1 AND day = $2"];
  const executions = await kysely.executeQuery<Execution>(
    CompiledQuery.raw(
      `SELECT path, assignment, start_time, end_time, failed FROM (
         SELECT *, row_number() OVER (PARTITION BY place ORDER BY ordinal) AS first,
           row_number() OVER (PARTITION BY place ORDER BY ordinal DESC) AS newest
         FROM (SELECT path, ordinal, assignment, start_time, end_time, detail->>'failure' IS NOT NULL AS failed,
                 ${STEP_PLACE} AS place
               FROM ${table} WHERE ${condition} AND path !~ '/resume$') s) n
       WHERE first <= ${SHOWN_FIRST} OR newest <= ${SHOWN_NEWEST}`,
      end_time === null ? [id] : [id, runIdDay(id)],
    ),
  );
  return { losses: losses.rows, executions: executions.rows };
}

/**
 * The attempts of one step, in their order.
 *
 * @param runs how many of its executions have ended
 */
export function attemptsOf(losses: readonly LossRow[], executions: readonly Execution[], runs: number): StepAttempts {
  const lost = new Map<number, number>();
  for (const { path, number } of losses) {
    const { runs: execution } = parseStepRun(path);
    lost.set(execution, Math.max(lost.get(execution) ?? 0, number));
  }
  const before = (execution: number): number =>
    [...lost].reduce((sum, [each, count]) => sum + (each < execution ? count : 0), execution - 1);
  const attempts = [
    ...losses.map((row): StepAttempt => {
      const { runs: execution } = parseStepRun(row.path);
      return {
        ...timesOf(row),
        execution,
        number: before(execution) + row.number,
        runner: row.runner,
        outcome: row.loss,
      };
    }),
    ...executions.map((row): StepAttempt => {
      const { runs: execution } = parseStepRun(row.path);
      const number = before(execution) + (lost.get(execution) ?? 0) + 1;
      return { ...timesOf(row), execution, number, runner: "", outcome: row.failed ? "FAILED" : "SUCCEEDED" };
    }),
  ].sort((a, b) => a.number - b.number);
  const shown = attempts.filter((_, index) => index < SHOWN_FIRST || index >= attempts.length - SHOWN_NEWEST);
  const all = runs + [...lost.values()].reduce((sum, count) => sum + count, 0);
  return { attempts: shown, leftOut: all - shown.length };
}

function timesOf({ assignment, start_time, end_time }: Pick<LossRow, "assignment" | "start_time" | "end_time">) {
  return { assignment, startTimeMs: start_time, endTimeMs: end_time };
}
