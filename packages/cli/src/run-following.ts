import { setTimeout as sleep } from "node:timers/promises";
import { coerceError } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { ApiClient } from "./api-client.ts";
import { exitCode } from "./exit-code.ts";
import { isEnd, stateName } from "./output/run-document.ts";

const WAIT_S = 60;
const WAIT_CALL_MS = 75_000;
const RETRY_FOR_MS = 30_000;
const RETRY_PAUSE_MS = 250;
const LOG_PAGE_SIZE = 10_000;

/** A run's name in requests; the house finds its workflow. */
export function runName(id: string): string {
  return `workflows/-/runs/${id}`;
}

/**
 * Makes a call that may be repeated without harm; repeats it while the house is away for a short time, such as when one
 * of its processes starts again.
 */
export async function retrying<T>(call: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.kind !== "Unavailable" || performance.now() - startedAt > RETRY_FOR_MS) throw error;
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

/** Waits until a run has ended, however long that takes. */
export async function awaitEnd(client: ApiClient, run: runApi.Run): Promise<runApi.Run> {
  let newest = run;
  while (!isEnd(newest.state)) {
    const request = { name: runName(run.id), timeout: { seconds: WAIT_S, nanos: 0 } };
    newest = await retrying(() => client.runs.waitRun(request, { deadlineMs: WAIT_CALL_MS }));
  }
  return newest;
}

/** Everything that is known about a run: its steps and, once it has ended, all of its log lines. */
export async function loadRun(client: ApiClient, id: string): Promise<{ run: runApi.Run; entries: runApi.LogEntry[] }> {
  const request = { name: runName(id) };
  const run = await retrying(() => client.runs.getRun(request));
  return { run, entries: await listLogs(client, id) };
}

/** All log lines of a run, oldest first. */
export async function listLogs(client: ApiClient, id: string): Promise<runApi.LogEntry[]> {
  const entries: runApi.LogEntry[] = [];
  let pageToken = "";
  do {
    const all = { text: "", streams: [], step: "", fromEnd: false };
    const request = { parent: runName(id), pageSize: LOG_PAGE_SIZE, pageToken, ...all };
    const page = await retrying(() => client.runs.listRunLogs(request));
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return entries;
}

/** The exit code of a command that waited for a run. */
export function exitCodeOfRun(run: runApi.Run): number {
  return !isEnd(run.state) || stateName(run.state) === "SUCCEEDED" ? exitCode.ok : exitCode.runFailed;
}
