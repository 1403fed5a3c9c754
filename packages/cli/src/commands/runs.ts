import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument, runSummaryDocument } from "../output/run-document.ts";
import { logText, runsText, runText } from "../output/run-text.ts";
import { loadRun, runName } from "../run-following.ts";

const PAGE_SIZE = 1_000;
const REASON_LENGTH_MAX = 1_000;

export interface RunsOptions {
  readonly workflow: string | undefined;
  readonly limit: number;
}

/** Lists runs, newest first, or shows one with its steps and its log. */
export function runs(context: CommandContext, id: string | undefined, options: RunsOptions): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    if (id !== undefined) return showRun(context, client, id);
    const found = await listRuns(client, options);
    return { json: found.map(runSummaryDocument), text: runsText(found, context.style) };
  });
}

async function showRun(context: CommandContext, client: ApiClient, id: string): Promise<CommandResult> {
  const { run, entries } = await loadRun(client, id);
  const log = entries.map((entry) => logText(entry, context.style)).join("\n");
  const text = [runText(run, context.style), log].filter((part) => part !== "").join("\n\n");
  return { json: runDocument(run, entries), text };
}

/** Up to `limit` runs, newest first. */
export async function listRuns(client: ApiClient, { workflow, limit }: RunsOptions): Promise<runApi.Run[]> {
  const found: runApi.Run[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(PAGE_SIZE, limit - found.length);
    const request = { parent: `workflows/${workflow ?? "-"}`, pageSize, pageToken, state: 0 } as const;
    const page = await client.runs.listRuns(request);
    found.push(...page.runs);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  return found;
}

/** Cancels a run and waits until it has ended. */
export function cancel(context: CommandContext, id: string, options: { reason: string }): Promise<CommandResult> {
  if (options.reason.length > REASON_LENGTH_MAX) {
    const message = `The reason is longer than ${REASON_LENGTH_MAX} characters.`;
    throw new PlatformError("InvalidArgument", "REASON_TOO_LONG", message);
  }
  return withHouse(context, async (client) => {
    const request = { name: runName(id), reason: options.reason };
    await client.runs.cancelRun(request);
    const { run, entries } = await loadRun(client, id);
    return { json: runDocument(run, entries), text: runText(run, context.style) };
  });
}
