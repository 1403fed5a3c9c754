import type { workflowApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { stateCell, timeCell } from "../output/run-text.ts";
import { sanitizeLine } from "../output/sanitize.ts";
import { table } from "../output/table.ts";
import { packagesDocument, workflowDocument, workflowStateName } from "../output/workflow-document.ts";

const PAGE_SIZE = 1_000;

/** Lists the workflows, or shows one. */
export function workflows(context: CommandContext, name: string | undefined): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    if (name !== undefined) {
      const request = { name: `workflows/${name}` };
      const workflow = await client.workflows.getWorkflow(request);
      const json = { ...workflowDocument(workflow), packages: packagesDocument(workflow) };
      const packages = workflow.packages.map((one) => `  ${sanitizeLine(`${one.name} ${one.version}`)}`);
      const text = [workflowsText([workflow], context), ...(packages.length > 0 ? ["packages:", ...packages] : [])];
      return { json, text: text.join("\n") };
    }
    const found = await listAll(client);
    return { json: found.map(workflowDocument), text: workflowsText(found, context) };
  });
}

async function listAll(client: ApiClient): Promise<workflowApi.Workflow[]> {
  const found: workflowApi.Workflow[] = [];
  let pageToken = "";
  do {
    const request = { pageSize: PAGE_SIZE, pageToken };
    const page = await client.workflows.listWorkflows(request);
    found.push(...page.workflows);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

function workflowsText(found: readonly workflowApi.Workflow[], { style }: CommandContext): string {
  if (found.length === 0)
    return 'No workflows yet. "millrace init <folder>" makes one, "millrace deploy <folder>" deploys it.';
  const rows = found.map((workflow) => [
    workflow.displayName,
    String(workflow.version),
    stateCell(workflowStateName(workflow.state), style),
    timeCell(workflow.deployTime),
    workflow.triggers.map(({ url }) => url).join(" "),
  ]);
  return table(["WORKFLOW", "VERSION", "STATE", "DEPLOYED", "TRIGGERS"], rows);
}

/** Lets triggers and calls start runs again. */
export function enable(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const request = { name: `workflows/${name}` };
    const workflow = await client.workflows.enableWorkflow(request);
    return { json: workflowDocument(workflow), text: `${sanitizeLine(workflow.displayName)} is enabled` };
  });
}

/** Stops triggers and calls from starting runs. */
export function disable(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const request = { name: `workflows/${name}` };
    const workflow = await client.workflows.disableWorkflow(request);
    return { json: workflowDocument(workflow), text: `${sanitizeLine(workflow.displayName)} is disabled` };
  });
}

/** Deletes a workflow with its versions and triggers. */
export function remove(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const request = { name: `workflows/${name}` };
    await client.workflows.deleteWorkflow(request);
    return { json: { deleted: name }, text: `${sanitizeLine(name)} is deleted` };
  });
}
