import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { coerceError, PlatformError } from "@millrace/core";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { exitCode } from "../exit-code.ts";
import { readLines } from "../read-lines.ts";
import { RunSubmitter } from "../run-submitter.ts";

const LINE_BYTES_MAX = 32 * 1024 * 1024;
const UNDER_WAY_MAX = 128;
/** Refusals that are told one by one. */
const TOLD_MAX = 20;

export interface SubmitOptions {
  /** Undefined for that of the workflow. */
  readonly priority: number | undefined;
}

interface Refusal {
  readonly line: number;
  readonly reason: string;
  readonly message: string;
}

/** Starts a run for each line of a file, or of what is piped in: each line is an event. Waits until all are durable or refused. */
export async function submit(
  context: CommandContext,
  workflow: string,
  file: string,
  { priority }: SubmitOptions,
): Promise<CommandResult> {
  const input = file === "-" ? process.stdin : await openFile(file);
  return withHouse(context, async (client) => {
    const submitter = new RunSubmitter(client.runs, { underWayMax: UNDER_WAY_MAX });
    const underWay = new Set<Promise<void>>();
    const told: Refusal[] = [];
    let accepted = 0;
    let refused = 0;
    const hand = async (line: number, eventJson: string): Promise<void> => {
      try {
        const one = { parent: `workflows/${workflow}`, eventJson };
        await submitter.submit(priority === undefined ? one : { ...one, priority });
        accepted++;
      } catch (thrown) {
        const { reason, message } = coerceError(thrown);
        refused++;
        if (told.length < TOLD_MAX) told.push({ line, reason, message });
      }
    };
    try {
      for await (const { number, text } of readLines(input as AsyncIterable<Buffer>, LINE_BYTES_MAX)) {
        if (text.trim() === "") continue;
        const handed: Promise<void> = hand(number, text).finally(() => underWay.delete(handed));
        underWay.add(handed);
        if (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
      }
      await Promise.all(underWay);
    } catch (thrown) {
      await Promise.all(underWay);
      throw unread(coerceError(thrown), accepted, refused);
    } finally {
      submitter.close();
    }
    return resultOf(context, accepted, refused, told);
  });
}

/** What was read before has been handed in: who sends the whole file again would start it twice. */
function unread({ kind, reason, message }: PlatformError, accepted: number, refused: number): PlatformError {
  const text = `${message} Of the lines before it ${accepted} are accepted as runs and ${refused} refused; nothing behind it was read.`;
  return new PlatformError(kind, reason, text);
}

function resultOf(
  { style }: CommandContext,
  accepted: number,
  refused: number,
  told: readonly Refusal[],
): CommandResult {
  const lines = told.map(({ line, reason, message }) => style.bad(`line ${line}: ${reason}: ${message}`));
  if (refused > told.length) lines.push(style.bad(`and ${refused - told.length} more`));
  const runs = accepted === 1 ? "run is" : "runs are";
  const ended = `${accepted} ${runs} accepted, ${refused} ${refused === 1 ? "line" : "lines"} refused`;
  const text = [...lines, ended].join("\n");
  return {
    json: { accepted, refused, refusals: told },
    text,
    exitCode: refused === 0 ? exitCode.ok : exitCode.invalid,
  };
}

async function openFile(file: string): Promise<AsyncIterable<Buffer>> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === true) return createReadStream(file) as AsyncIterable<Buffer>;
  throw new PlatformError("InvalidArgument", "FILE_NOT_FOUND", `There is no file ${file}.`, { metadata: { file } });
}
