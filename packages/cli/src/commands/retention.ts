import { PlatformError } from "@millrace/core";
import type { historyApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";

/** What is to be set; nothing of it only shows what holds. */
export interface RetentionOptions {
  readonly days?: number;
  readonly runs?: number;
  readonly clear: boolean;
}

/** Shows or sets how long runs are kept; what is not named stays as it is. */
export function retention(
  context: CommandContext,
  workflow: string | undefined,
  { days, runs, clear }: RetentionOptions,
): Promise<CommandResult> {
  const sets = days !== undefined || runs !== undefined;
  if (clear && sets) {
    throw new PlatformError("InvalidArgument", "USAGE", "Give either --clear or what is to be set.");
  }
  return withHouse(context, async ({ history }) => {
    const name = workflow === undefined ? "" : `workflows/${workflow}`;
    const now = await (name === "" ? history.getProjectRetention({}) : history.getWorkflowRetention({ name }));
    if (!clear && !sets) return toResult(now);
    const wanted = clear ? { days: undefined, runs: undefined } : { days: days ?? now.days, runs: runs ?? now.runs };
    return toResult(
      await (name === "" ? history.setProjectRetention(wanted) : history.setWorkflowRetention({ name, ...wanted })),
    );
  });
}

function toResult({ name, days, runs, effectiveDays, effectiveRuns }: historyApi.Retention): CommandResult {
  const here = (value: number | undefined): string => (value === undefined ? "" : ", set here");
  const many = effectiveRuns === 0 ? "any number of runs" : `the newest ${effectiveRuns} runs of each workflow`;
  return {
    json: {
      workflowId: name.split("/")[1] ?? null,
      days: days ?? null,
      runs: runs ?? null,
      effectiveDays,
      effectiveRuns,
    },
    text: `kept for ${effectiveDays} days${here(days)}\n${many}${here(runs)}`,
  };
}
