import { PlatformError } from "@millrace/core";
import type { deadLetterApi } from "@millrace/protocol";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { lastPart, runSummaryDocument } from "../output/run-document.ts";
import { runsText } from "../output/run-text.ts";
import { runName } from "../run-following.ts";
import { collect, type RunListOptions } from "./run-list.ts";

const PAGE_SIZE = 200;
const CALL_MS = 60_000;
/** Before a page that a full queue has ended is tried again. */
const PAUSE_MS = 2_000;
/** Pages in a row that bring nothing. */
const IDLE_MAX = 30;

/** Which dead letters a command means. */
export type DeadLetterOptions = Pick<RunListOptions, "since" | "until" | "text" | "limit">;

/** What became of them. */
interface Settled {
  settled: number;
  refused: deadLetterApi.SettledDeadLetter[];
}

/** Lists dead letters, newest first. */
export function deadLetterList(
  context: CommandContext,
  workflow: string | undefined,
  options: DeadLetterOptions,
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const filter = filterOf(workflow, options);
    const runs = await collect(options.limit, (pageSize, pageToken) =>
      client.deadLetters.listDeadLetters({ ...filter, pageSize, pageToken }),
    );
    const text = runs.length === 0 ? "No dead letters." : runsText(runs, context.style);
    return { json: runs.map(runSummaryDocument), text };
  });
}

/** Replays or discards one dead letter. */
export function deadLetterSettle(
  context: CommandContext,
  action: "replay" | "discard",
  id: string,
): Promise<CommandResult> {
  return withHouse(context, async ({ deadLetters }) => {
    const name = runName(id);
    if (action === "replay") {
      const run = await deadLetters.replayDeadLetter({ name });
      return { json: runSummaryDocument(run), text: `run ${run.id} replays ${id}` };
    }
    const run = await deadLetters.discardDeadLetter({ name });
    return { json: runSummaryDocument(run), text: `${id} is discarded; the run stays in history` };
  });
}

/** Replays or discards all dead letters that match. */
export function deadLetterSettleAll(
  context: CommandContext,
  action: "replay" | "discard",
  workflow: string | undefined,
  options: DeadLetterOptions,
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const { settled, refused } = await settleAll(context, client, action, filterOf(workflow, options));
    const done = action === "replay" ? "replayed" : "discarded";
    const stay = refused.map(({ run, refusedReason }) => `${lastPart(run)} stays: ${refusedReason}`);
    return {
      json: {
        [done]: settled,
        refused: refused.map(({ run, refusedReason }) => ({ id: lastPart(run), reason: refusedReason })),
      },
      text: [`${settled} ${done}`, ...stay].join("\n"),
    };
  });
}

/** A full queue is waited for, as long as something goes on. */
async function settleAll(
  { say }: CommandContext,
  { deadLetters }: ApiClient,
  action: "replay" | "discard",
  filter: ReturnType<typeof filterOf>,
): Promise<Settled> {
  const sum: Settled = { settled: 0, refused: [] };
  let pageToken = "";
  for (let idle = 0; idle < IDLE_MAX;) {
    const request = { ...filter, pageSize: PAGE_SIZE, pageToken };
    const page = await (action === "replay"
      ? deadLetters.replayDeadLetters(request, { deadlineMs: CALL_MS })
      : deadLetters.discardDeadLetters(request, { deadlineMs: CALL_MS }));
    const refused = page.settled.filter(({ refusedReason }) => refusedReason !== "");
    sum.refused.push(...refused);
    sum.settled += page.settled.length - refused.length;
    pageToken = page.nextPageToken;
    if (page.stoppedReason === "" && pageToken === "") return sum;
    idle = page.settled.length > 0 || page.stoppedReason === "" ? 0 : idle + 1;
    if (page.stoppedReason === "") continue;
    say(`${sum.settled} so far; waiting: ${page.stoppedReason}`);
    await sleep(PAUSE_MS);
  }
  const message = `${sum.settled} are done; the others wait for room that does not come. Run the command again later.`;
  throw new PlatformError("ResourceExhausted", "QUEUE_FULL", message);
}

function filterOf(workflow: string | undefined, { since, until, text }: DeadLetterOptions) {
  return { parent: `workflows/${workflow ?? "-"}`, text: text ?? "", createdFrom: since, createdBefore: until };
}
