import { pipeline } from "node:stream/promises";
import { PlatformError } from "@millrace/core";
import { runApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runName } from "../run-following.ts";
import { writeWhole } from "./files.ts";

export interface ValueOptions {
  readonly event: boolean;
  readonly step: string | undefined;
  readonly returned: boolean;
  readonly answer: boolean;
  /** File to write to; undefined for standard output. */
  readonly to: string | undefined;
}

/** Writes one value of a run out, as it is and however large. */
export function value(context: CommandContext, id: string, options: ValueOptions): Promise<CommandResult> {
  const kind = kindOf(options);
  if (options.to === undefined && context.json) throw usage("with --json, say with --to where the value goes");
  return withHouse(context, async (client) => {
    const path = options.step === undefined ? "" : await pathOf(client, id, options.step);
    const content = contentOf(client.runs.readRunValue({ name: runName(id), kind, path }));
    if (options.to === undefined) {
      await pipeline(content, process.stdout, { end: false });
      return {};
    }
    await writeWhole(options.to, content);
    return { json: { run: id, file: options.to }, text: `The value is in ${options.to}.` };
  });
}

function kindOf({ event, step, returned, answer }: ValueOptions): runApi.RunValueKind {
  const { EVENT, EXPORTS, RETURN_VALUE, ANSWER } = runApi.RunValueKind;
  if (event !== (step === undefined)) throw usage("name either --event or a step with --step");
  if (event) return EVENT;
  if (returned && answer) throw usage("name one of --returned and --answer");
  if (returned) return RETURN_VALUE;
  return answer ? ANSWER : EXPORTS;
}

async function pathOf(client: ApiClient, id: string, name: string): Promise<string> {
  const { steps } = await client.runs.getRun({ name: runName(id) });
  const found = steps.findLast((step) => step.name === name || step.path === name);
  if (found) return found.path;
  const known = steps.map((step) => step.name).join(", ");
  throw new PlatformError(
    "NotFound",
    "STEP_NOT_FOUND",
    `The run has no step ${JSON.stringify(name)}; it has: ${known}`,
  );
}

async function* contentOf(pieces: AsyncIterable<runApi.ReadRunValueResponse>): AsyncGenerator<Uint8Array> {
  for await (const { content } of pieces) yield content;
}

function usage(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "USAGE", message);
}
