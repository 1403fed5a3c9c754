import { PlatformError } from "@millrace/core";
import type { workflowApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { problemsOf } from "../output/report.ts";
import { readWorkflowFolder, type WorkflowFolder } from "../workflow-folder.ts";
import { workflowDocument } from "../output/workflow-document.ts";
import { sanitizeLine } from "../output/sanitize.ts";

const DEPLOY_TIMEOUT_MS = 90_000;

/** Deploys a folder; returns when the new version is live. */
export async function deploy(context: CommandContext, path: string): Promise<CommandResult> {
  const folder = await readWorkflowFolder(path);
  return withHouse(context, async (client) => {
    const request = {
      name: "",
      definitionJson: folder.definitionJson,
      sources: folder.sources,
      checkTimeout: undefined,
      modules: {},
      upgradePackages: false,
      packageTimeout: undefined,
    };
    const workflow = await client.workflows
      .deployWorkflow(request, { deadlineMs: DEPLOY_TIMEOUT_MS })
      .catch((error: unknown) => {
        throw withLines(error, folder);
      });
    return { json: workflowDocument(workflow), text: deployedText(workflow) };
  });
}

function deployedText(workflow: workflowApi.Workflow): string {
  const name = sanitizeLine(workflow.displayName);
  const steps = workflow.stepNames.map(sanitizeLine).join(" → ");
  return [
    `deployed ${name} version ${workflow.version} (${steps})`,
    ...workflow.triggers.map(({ kind, url }) => `${kind} ${sanitizeLine(url)}`),
  ].join("\n");
}

/** The house knows places in the definition; the folder knows their lines in `workflow.yaml`. */
function withLines(error: unknown, folder: WorkflowFolder): unknown {
  if (!(error instanceof PlatformError)) return error;
  const lines: Record<string, string> = {};
  for (const [index, problem] of problemsOf(error).entries()) {
    const line = problem.file === "" && problem.line === 0 ? folder.lineOf(problem.path) : undefined;
    if (line !== undefined)
      Object.assign(lines, { [`problems.${index}.file`]: "workflow.yaml", [`problems.${index}.line`]: String(line) });
  }
  const metadata = { ...error.metadata, ...lines };
  return new PlatformError(error.kind, error.reason, error.message, { metadata, cause: error });
}
