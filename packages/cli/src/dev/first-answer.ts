import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@millrace/core";
import { checkoutFolder } from "@millrace/provision";
import type { CommandContext } from "../command-context.ts";
import { deploy } from "../commands/deploy.ts";
import { runs } from "../commands/runs.ts";
import { workflows } from "../commands/workflows.ts";
import type { RunSummaryDocument } from "../output/run-document.ts";
import type { WorkflowDocument } from "../output/workflow-document.ts";
import { createStyle } from "../output/style.ts";
import type { ReadyHouse } from "./dev.ts";

const exampleName = "pokemon";
const requestTimeoutMs = 40_000;
const exampleBody = JSON.stringify({ id: 1, name: "Bulbasaur", type: "plant" });

/** What one real request came to, as a person reads it. */
export interface FirstAnswer {
  readonly ok: boolean;
  readonly text: string;
  /** When the answer was there; `Date.now()`. */
  readonly answeredAtMs: number;
}

/**
 * Deploys the example when the house has no workflow, and sends the example one real HTTP request. Undefined when the house
 * has other workflows and not the example: those are nobody's to call.
 */
export async function getFirstAnswer(house: ReadyHouse): Promise<FirstAnswer | undefined> {
  const context = contextOf(house);
  const known = (await workflows(context, undefined)).json as WorkflowDocument[];
  const deployed = known.length === 0 ? await deployExample(context) : known;
  const url = deployed.find(({ name }) => name === exampleName)?.triggers.find(({ kind }) => kind === "http")?.url;
  if (url === undefined) {
    return undefined;
  }
  const response = await fetch(localUrl(url, house.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: exampleBody,
    signal: AbortSignal.any([house.signal, AbortSignal.timeout(requestTimeoutMs)]),
  });
  const body = await response.text();
  const answeredAtMs = Date.now();
  const text = [
    `${dim("$")} curl -d '${exampleBody}' -H 'content-type: application/json' ${url}`,
    body,
    "",
    await describeNewestRun(context),
  ].join("\n");
  return { ok: response.ok, text, answeredAtMs };
}

async function deployExample(context: CommandContext): Promise<WorkflowDocument[]> {
  const folder = join(checkoutFolder, "examples", exampleName);
  await readFile(join(folder, "workflow.yaml")).catch((error: unknown) => {
    throw new PlatformError("NotFound", "EXAMPLE_MISSING", `there is no example in ${folder}`, { cause: error });
  });
  return [(await deploy(context, folder, { upgrade: false })).json as WorkflowDocument];
}

async function describeNewestRun(context: CommandContext): Promise<string> {
  const [newest] = (await runs(context, undefined, { workflow: exampleName, limit: 1 })).json as RunSummaryDocument[];
  return newest === undefined ? "" : ((await runs(context, newest.id, { workflow: undefined, limit: 1 })).text ?? "");
}

/** The trigger's address with the house's own origin: the public one may lead through a proxy that is not there. */
function localUrl(trigger: string, house: string): URL {
  const { pathname, search } = new URL(trigger);
  return new URL(`${pathname}${search}`, house);
}

function contextOf(house: ReadyHouse): CommandContext {
  return {
    url: house.url,
    key: house.apiKey,
    data: undefined,
    json: true,
    style: createStyle(isColourful()),
    say: () => undefined,
  };
}

function isColourful(): boolean {
  return process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
}

function dim(text: string): string {
  return createStyle(isColourful()).dim(text);
}
