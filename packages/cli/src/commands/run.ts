import { randomUUID } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { PlatformError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument } from "../output/run-document.ts";
import { logText, runText } from "../output/run-text.ts";
import { readStdin } from "../read-stdin.ts";
import { awaitEnd, exitCodeOfRun, loadRun, retrying, runName } from "../run-following.ts";

const EVENT_BYTES_MAX = 32 * 1024 * 1024;
const WAIT = { seconds: 60, nanos: 0 };
const CALL_MS = 90_000;

export interface RunOptions {
  /** JSON, `@file`, or `-` for stdin; undefined for `{}`. */
  readonly event: string | undefined;
  /** False to return as soon as the run is durable. */
  readonly wait: boolean;
}

/** Starts a run and waits for its end and its last log line. */
export async function run(context: CommandContext, workflow: string, options: RunOptions): Promise<CommandResult> {
  const eventJson = await readEvent(options.event);
  const wait = options.wait && context.json ? WAIT : undefined;
  const request = { parent: `workflows/${workflow}`, eventJson, requestId: randomUUID(), waitTimeout: wait };
  return withHouse(context, async (client) => {
    const started = await retrying(() => client.runs.createRun(request, { deadlineMs: CALL_MS }));
    return followRun(context, client, started, options.wait);
  });
}

/** Starts a new run with the event and the version of an earlier one. */
export async function replay(context: CommandContext, id: string, options: { wait: boolean }): Promise<CommandResult> {
  const wait = options.wait && context.json ? WAIT : undefined;
  const request = { name: runName(id), requestId: randomUUID(), waitTimeout: wait };
  return withHouse(context, async (client) => {
    const started = await retrying(() => client.runs.replayRun(request, { deadlineMs: CALL_MS }));
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
  const tail = client.runs.tailRunLogs({ parent: runName(id) });
  try {
    for await (const { entries } of tail) for (const entry of entries) context.say(logText(entry, context.style));
  } catch (error) {
    if (!(error instanceof PlatformError) || error.kind !== "Unavailable") throw error;
    context.say(context.style.dim(`the log was interrupted; "millrace logs ${id}" shows all of it`));
  }
}

/** The event as it was given, checked to be JSON so that a slip of the shell is named here. */
async function readEvent(given: string | undefined): Promise<string> {
  const text = await eventText(given ?? "{}");
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The event is not JSON: ${why}. Quote it for the shell: --event '{"name": "Bulbasaur"}'`;
    throw new PlatformError("InvalidArgument", "INVALID_EVENT", message, { cause });
  }
}

async function eventText(given: string): Promise<string> {
  if (given === "-") return readStdin(EVENT_BYTES_MAX);
  if (!given.startsWith("@")) return given;
  const file = given.slice(1);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !found.isFile()) {
    throw new PlatformError("InvalidArgument", "FILE_NOT_FOUND", `There is no file ${file}.`, { metadata: { file } });
  }
  if (found.size > EVENT_BYTES_MAX) {
    const message = `${file} is larger than ${EVENT_BYTES_MAX} bytes.`;
    throw new PlatformError("InvalidArgument", "INPUT_TOO_LARGE", message, { metadata: { file } });
  }
  return readFile(file, "utf8");
}
