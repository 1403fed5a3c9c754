import { workflowApi } from "@millrace/protocol";
import { timeText } from "./run-document.ts";

/** A workflow as `--json` prints it. */
export interface WorkflowDocument {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly versionId: string;
  /** `ENABLED` or `DISABLED`. */
  readonly state: string;
  readonly triggers: readonly { readonly kind: string; readonly url: string }[];
  readonly steps: readonly string[];
  readonly createTime: string | null;
  readonly deployTime: string | null;
}

/** Name of a workflow's state. */
export function workflowStateName(state: workflowApi.WorkflowState): string {
  return state === workflowApi.WorkflowState.DISABLED ? "DISABLED" : "ENABLED";
}

export function workflowDocument(workflow: workflowApi.Workflow): WorkflowDocument {
  return {
    id: workflow.id,
    name: workflow.displayName,
    version: workflow.version,
    versionId: workflow.versionId,
    state: workflowStateName(workflow.state),
    triggers: workflow.triggers.map(({ kind, url }) => ({ kind, url })),
    steps: workflow.stepNames,
    createTime: timeText(workflow.createTime),
    deployTime: timeText(workflow.deployTime),
  };
}

/** The packages of a workflow that was asked for alone; a list is without them. */
export function packagesDocument({ packages }: workflowApi.Workflow): readonly { name: string; version: string }[] {
  return packages.map(({ name, version }) => ({ name, version }));
}
