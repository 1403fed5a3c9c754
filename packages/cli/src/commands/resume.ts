import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { runDocument } from "../output/run-document.ts";
import { runText } from "../output/run-text.ts";
import { readJson } from "../read-json.ts";
import { loadRun, runName } from "../run-following.ts";

const DATA = { reason: "INVALID_DATA", name: "The data", example: `--data '{"approved": true}'` };

/** Ends a run's pause, with data for the steps to come. */
export async function resume(context: CommandContext, id: string, data: string | undefined): Promise<CommandResult> {
  const dataJson = data === undefined ? "" : await readJson(data, DATA);
  return withHouse(context, async (client) => {
    await client.runs.resumeRun({ name: runName(id), dataJson });
    const { run, entries } = await loadRun(client, id);
    return { json: runDocument(run, entries), text: runText(run, context.style) };
  });
}
