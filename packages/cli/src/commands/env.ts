import { PlatformError } from "@millrace/core";
import type { variableApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { readStdin } from "../read-stdin.ts";
import { lastPart, timeText } from "../output/run-document.ts";
import { timeCell } from "../output/run-text.ts";
import { table } from "../output/table.ts";

const VALUE_BYTES_MAX = 64 * 1024;
const PAGE_SIZE = 1_000;

/** Creates or replaces a variable; the value comes from the argument or, better, from stdin. */
export async function envSet(
  context: CommandContext,
  name: string,
  given: string | undefined,
  options: { plain: boolean },
): Promise<CommandResult> {
  const value = given ?? (await readValue());
  return withHouse(context, async (client) => {
    const variable = { name: `variables/${name}`, value, secret: !options.plain, updateTime: undefined };
    const set = await client.variables.setVariable({ variable });
    return { json: variableDocument(set), text: `${name} is set; steps that start from now on see it` };
  });
}

/** What is piped in, without the line end that `echo` and editors put behind it. */
async function readValue(): Promise<string> {
  if (process.stdin.isTTY) {
    const message = 'Give the value on stdin, for example "millrace env set NAME < file", or behind the name.';
    throw new PlatformError("InvalidArgument", "VALUE_MISSING", message);
  }
  // One more than the limit for the line end; the house refuses what is too large.
  return (await readStdin(VALUE_BYTES_MAX + 2)).replace(/\r?\n$/, "");
}

/** Lists the variables; values of secret ones are not shown. */
export function envList(context: CommandContext): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const found = await listAll(client);
    const rows = found.map(({ name, value, secret, updateTime }) => [
      lastPart(name),
      secret ? "(secret)" : value.length > 60 ? `${value.slice(0, 59)}…` : value,
      timeCell(updateTime),
    ]);
    const text =
      found.length === 0 ? 'No variables. "millrace env set NAME" sets one.' : table(["NAME", "VALUE", "SET"], rows);
    return { json: found.map(variableDocument), text };
  });
}

async function listAll(client: ApiClient): Promise<variableApi.Variable[]> {
  const found: variableApi.Variable[] = [];
  let pageToken = "";
  do {
    const request = { pageSize: PAGE_SIZE, pageToken };
    const page = await client.variables.listVariables(request);
    found.push(...page.variables);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

/** Deletes a variable. */
export function envUnset(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    await client.variables.deleteVariable({ name: `variables/${name}` });
    return { json: { deleted: name }, text: `${name} is deleted` };
  });
}

function variableDocument({ name, value, secret, updateTime }: variableApi.Variable): unknown {
  return { name: lastPart(name), secret, value: secret ? null : value, updateTime: timeText(updateTime) };
}
