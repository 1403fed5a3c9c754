import { randomUUID } from "node:crypto";
import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument } from "../output/run-document.ts";
import { logText, runText } from "../output/run-text.ts";
import { readJson } from "../read-json.ts";
import { awaitEnd, exitCodeOfRun, loadRun, retrying, runName } from "../run-following.ts";

const EVENT = { reason: "INVALID_EVENT", name: "The event", example: `--event '{"name": "Bulbasaur"}'` };
const WAIT = { seconds: 60, nanos: 0 };
const CALL_MS = 90_000;

export interface RunOptions {
  /** JSON, `@file`, or `-` for stdin; undefined for `{}`. */
  readonly event: string | undefined;
  /** Undefined for that of the workflow. */
  readonly priority: number | undefined;
  /** False to return as soon as the run is durable. */
  readonly wait: boolean;
}

/** Starts a run and waits for its end and its last log line. */
export async function run(context: CommandContext, workflow: string, options: RunOptions): Promise<CommandResult> {
  const eventJson = await readJson(options.event ?? "{}", EVENT);
  const wait = options.wait && context.json ? WAIT : undefined;
  const { priority } = options;
  const request = { parent: `workflows/${workflow}`, eventJson, requestId: randomUUID(), waitTimeout: wait, priority };
  return withHouse(context, async (client) => {
    const started = await retrying(() => client.runs.createRun(request, { deadlineMs: CALL_MS }));
    return followRun(context, client, started, options.wait);
  });
}

/** Starts a new run with the event and the version of an earlier one. */
export async function replay(context: CommandContext, id: string, options: { wait: boolean }): Promise<CommandResult> {
  const wait = options.wait && context.json ? WAIT : undefined;
  const request = { name: runName(id), requestId: randomUUID(), waitTimeout: wait };
  const asItWas = { fromStep: "", newestVersion: false, eventJson: "" };
  return withHouse(context, async (client) => {
    const started = await retrying(() => client.runs.replayRun({ ...request, ...asItWas }, { deadlineMs: CALL_MS }));
    return followRun(context, client, started, options.wait);
  });
}

async function followRun(
  context: CommandContext,
  client: ApiClient,
  started: runApi.Run,
  wait: boolean,
): Promise<CommandResult> {
  if (wait && !context.json) await sayLogs(context, client, started);
  if (wait) await awaitEnd(client, started);
  const { run: ended, entries } = await loadRun(client, started.id);
  const text = wait ? `\n${runText(ended, context.style)}` : `run ${ended.id} is accepted`;
  return { json: runDocument(ended, entries), text, exitCode: wait ? exitCodeOfRun(ended) : 0 };
}

/** Shows lines as they are written; the run's end and its result do not depend on it. */
async function sayLogs(context: CommandContext, client: ApiClient, { id }: runApi.Run): Promise<void> {
  context.say(context.style.dim(`run ${id}`));
  const tail = client.runs.tailRunLogs({ cursor: "", parent: runName(id) });
  try {
    for await (const { entries } of tail) for (const entry of entries) context.say(logText(entry, context.style));
  } catch (error) {
    if (!(error instanceof PlatformError) || error.kind !== "Unavailable") throw error;
    context.say(context.style.dim(`the log was interrupted; "millrace logs ${id}" shows all of it`));
  }
}
