import { PlatformError } from "@millrace/core";
import type { ApiClient } from "../api-client.ts";
import { listRuns, type RunListOptions } from "./run-list.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument, runSummaryDocument } from "../output/run-document.ts";
import { logText, runsText, runText } from "../output/run-text.ts";
import { loadRun, runName } from "../run-following.ts";

const REASON_LENGTH_MAX = 1_000;
/** In place of a run: all that match. */
const LIST = "list";

/** Lists runs, newest first, or shows one with its steps and its log. */
export function runs(context: CommandContext, id: string | undefined, options: RunListOptions): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    if (id !== undefined && id !== LIST) return showRun(context, client, id);
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
