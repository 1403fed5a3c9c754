import { isRunId, PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { lastPart, logDocument } from "../output/run-document.ts";
import { logText } from "../output/run-text.ts";
import { listLogs, runName } from "../run-following.ts";
import { listRuns } from "./run-list.ts";

/** Shows what a run has logged, or the newest run of a workflow; with `follow` also what is written from now on. */
export function logs(context: CommandContext, target: string, options: { follow: boolean }): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const isRun = isRunId(target) && (await exists(client, target));
    if (options.follow) return follow(context, client, isRun ? runName(target) : `workflows/${target}/runs/-`);
    const id = isRun ? target : await newestRun(client, target).catch((error: unknown) => refuse(error, target));
    const entries = id === undefined ? [] : await listLogs(client, id);
    const text = entries.length > 0 ? entries.map((entry) => logText(entry, context.style)).join("\n") : nothing(id);
    return { json: entries.map(entryDocument), text };
  });
}

function nothing(id: string | undefined): string {
  return id === undefined ? "The workflow has no runs yet." : `Run ${id} logged nothing.`;
}

/** A workflow's id looks like a run's, so the house is asked. */
async function exists(client: ApiClient, id: string): Promise<boolean> {
  try {
    await client.runs.getRun({ name: runName(id) });
    return true;
  } catch (error) {
    if (error instanceof PlatformError && error.kind === "NotFound") return false;
    throw error;
  }
}

/** What looks like a run's id was probably meant to be one. */
function refuse(error: unknown, target: string): never {
  if (!(error instanceof PlatformError) || error.kind !== "NotFound" || !isRunId(target)) throw error;
  throw new PlatformError("NotFound", "RUN_NOT_FOUND", `There is no run and no workflow ${target}.`, { cause: error });
}

async function newestRun(client: ApiClient, workflow: string): Promise<string | undefined> {
  const [newest] = await listRuns(client, { workflow, limit: 1 });
  return newest?.id;
}

/** Follows until the run has ended or Ctrl-C; people see lines as they come, programs get one document at the end. */
async function follow(context: CommandContext, client: ApiClient, parent: string): Promise<CommandResult> {
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const seen: unknown[] = [];
  try {
    const tail = client.runs.tailRunLogs({ cursor: "", parent }, { signal: interrupt.signal });
    for await (const { entries } of tail) {
      for (const entry of entries) {
        if (context.json) seen.push(entryDocument(entry));
        else context.say(logText(entry, context.style, parent.endsWith("/-")));
      }
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
  return { json: seen };
}

function entryDocument(entry: runApi.LogEntry): unknown {
  return { run: lastPart(entry.run), step: entry.step || null, ...logDocument(entry) };
}
