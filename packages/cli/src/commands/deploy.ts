import { PlatformError } from "@millrace/core";
import type { workflowApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { problemsOf } from "../output/report.ts";
import { readWorkflowFolder, type WorkflowFolder } from "../workflow-folder.ts";
import { packagesDocument, workflowDocument } from "../output/workflow-document.ts";
import { sanitizeLine } from "../output/sanitize.ts";
import { DeployReport } from "../output/deploy-report.ts";

const DEPLOY_TIMEOUT_MS = 3_700_000;

/** What `millrace deploy` is told. */
export interface DeployCommandOptions {
  /** Take the newest packages that fit instead of those of the version before. */
  readonly upgrade: boolean;
}

/** Deploys a folder; returns when the new version is live. */
export async function deploy(
  context: CommandContext,
  path: string,
  options: DeployCommandOptions,
): Promise<CommandResult> {
  const folder = await readWorkflowFolder(path);
  return withHouse(context, async (client) => {
    const request = {
      name: "",
      definitionJson: folder.definitionJson,
      sources: folder.sources,
      modules: folder.modules,
      checkTimeout: undefined,
      upgradePackages: options.upgrade,
      packageTimeout: undefined,
    };
    const report = new DeployReport(context);
    try {
      const call = { deadlineMs: DEPLOY_TIMEOUT_MS };
      for await (const progress of client.workflows.streamDeployWorkflow({ deploy: request }, call)) {
        report.add(progress);
        if (progress.workflow !== undefined) return deployed(progress.workflow, progress.packageChanges, report);
      }
    } catch (error) {
      throw withLines(error, folder);
    }
    throw new PlatformError(
      "Internal",
      "DEPLOY_WITHOUT_END",
      "The house ended the deploy without saying what came of it.",
    );
  });
}

function deployed(
  workflow: workflowApi.Workflow,
  changes: readonly workflowApi.PackageChange[],
  report: DeployReport,
): CommandResult {
  const json = {
    ...workflowDocument(workflow),
    packages: packagesDocument(workflow),
    packageChanges: changes,
    notes: report.notes,
  };
  const lines = changes.map(({ name, oldVersion, newVersion }) => {
    if (oldVersion === "") return `  + ${name} ${newVersion}`;
    return newVersion === "" ? `  - ${name} ${oldVersion}` : `  ~ ${name} ${oldVersion} → ${newVersion}`;
  });
  const packages = lines.length === 0 ? [] : ["packages:", ...lines.map(sanitizeLine)];
  return { json, text: [...packages, deployedText(workflow)].join("\n") };
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
