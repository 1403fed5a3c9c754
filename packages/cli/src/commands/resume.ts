import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument } from "../output/run-document.ts";
import { runText } from "../output/run-text.ts";
import { readJson } from "../read-json.ts";
import { loadRun, runName } from "../run-following.ts";

const VALUE = { reason: "INVALID_DATA", name: "The value", example: `--value '{"approved": true}'` };

/** Ends a run's pause, with a value for the steps to come. */
export async function resume(context: CommandContext, id: string, value: string | undefined): Promise<CommandResult> {
  const dataJson = value === undefined ? "" : await readJson(value, VALUE);
  return withHouse(context, async (client) => {
    await client.runs.resumeRun({ name: runName(id), dataJson });
    const { run, entries } = await loadRun(client, id);
    return { json: runDocument(run, entries), text: runText(run, context.style) };
  });
}
