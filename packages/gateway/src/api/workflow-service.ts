import {
  lockedPackages,
  PlatformError,
  WORKFLOW_BOUNDS,
  WORKFLOW_PATTERNS,
  type WorkflowDefinition,
} from "@millrace/core";
import { workflowApi } from "@millrace/protocol";
import type { Runs, VersionBody, WorkflowRecord, Workflows } from "@millrace/store";
import type { ApiCaller, ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { parseWorkflowName } from "./resource-names.ts";
import { listActivity } from "./workflow-activity.ts";
import type { Deployed, Deployer } from "../deploy/deployer.ts";
import { readDeploy } from "../deploy/read-deploy.ts";

const PAGE = { fallback: 100, max: 1000 };
const NAME = new RegExp(WORKFLOW_PATTERNS.name, "u");

export interface WorkflowServiceOptions {
  readonly workflows: Workflows;
  readonly runs: Runs;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly deployer: Deployer;
  /** Resolves when the living gateways serve the generation. */
  readonly publish: (generation: number) => Promise<void>;
  readonly publicUrl: () => string;
}

/** `millrace.api.v1.WorkflowService`. */
export class WorkflowService {
  readonly #options: WorkflowServiceOptions;

  constructor(options: WorkflowServiceOptions) {
    this.#options = options;
  }

  async createWorkflow(
    request: workflowApi.CreateWorkflowRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.Workflow> {
    const name = request.workflow?.displayName ?? "";
    if (name.length > WORKFLOW_BOUNDS.nameLength || !NAME.test(name)) {
      throw new PlatformError("InvalidArgument", "INVALID_WORKFLOW", "display_name must be a workflow's name");
    }
    const { workflow, generation } = await this.#options.workflows.create(caller.projectId, name);
    await this.#options.publish(generation);
    return this.#toWorkflow(workflow, false);
  }

  async getWorkflow(
    request: workflowApi.GetWorkflowRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.Workflow> {
    const workflow = await this.#find(caller, request.name);
    const body = workflow.version === null ? undefined : await this.#options.versions.get(workflow.version.id);
    return this.#toWorkflow(workflow, true, body?.packages?.lock);
  }

  async listWorkflows(
    request: workflowApi.ListWorkflowsRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.ListWorkflowsResponse> {
    const pageSize = pageSizeOf(request.pageSize, PAGE);
    const page = await this.#options.workflows.list(caller.projectId, { pageSize, pageToken: request.pageToken });
    return {
      workflows: page.items.map((workflow) => this.#toWorkflow(workflow, false)),
      nextPageToken: page.nextPageToken,
    };
  }

  listWorkflowActivity(
    { names }: workflowApi.ListWorkflowActivityRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.ListWorkflowActivityResponse> {
    return listActivity(this.#options.runs, caller.projectId, names);
  }

  async deployWorkflow(request: workflowApi.DeployWorkflowRequest, context: ApiContext): Promise<workflowApi.Workflow> {
    const deploying = this.#deploy(request, context);
    for (;;) {
      const next = await deploying.next();
      if (next.done === true) return this.toDeployed(next.value);
    }
  }

  async *streamDeployWorkflow(
    { deploy: request }: workflowApi.StreamDeployWorkflowRequest,
    context: ApiContext,
  ): AsyncGenerator<workflowApi.DeployProgress> {
    if (request === undefined) throw new PlatformError("InvalidArgument", "DEPLOY_MISSING", "deploy must be set");
    const deploying = this.#deploy(request, context);
    for (;;) {
      const next = await deploying.next();
      if (next.done !== true) {
        yield { ...next.value, packageChanges: [], workflow: undefined };
        continue;
      }
      const stage = workflowApi.DeployStage.DONE;
      const workflow = this.toDeployed(next.value);
      yield { stage, done: 0, total: 0, notes: [], packageChanges: next.value.changes, workflow };
      return;
    }
  }

  async *#deploy(request: workflowApi.DeployWorkflowRequest, { principal: caller, signal }: ApiContext) {
    const deploy = readDeploy(request);
    const before = await this.#target(caller, request.name, deploy.definition);
    return yield* this.#options.deployer.deploy(caller.projectId, before, deploy, request, signal);
  }

  /** A workflow as a deploy leaves it. */
  toDeployed({ workflow, packages }: Deployed): workflowApi.Workflow {
    return this.#toWorkflow(workflow, true, packages?.lock);
  }

  enableWorkflow(
    request: workflowApi.EnableWorkflowRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.Workflow> {
    return this.#setEnabled(caller, request.name, true);
  }

  disableWorkflow(
    request: workflowApi.DisableWorkflowRequest,
    { principal: caller }: ApiContext,
  ): Promise<workflowApi.Workflow> {
    return this.#setEnabled(caller, request.name, false);
  }

  async deleteWorkflow(
    request: workflowApi.DeleteWorkflowRequest,
    { principal: caller }: ApiContext,
  ): Promise<Record<string, never>> {
    const { id } = await this.#find(caller, request.name);
    await this.#options.publish(await this.#options.workflows.delete(caller.projectId, id));
    return {};
  }

  async #setEnabled(caller: ApiCaller, name: string, enabled: boolean): Promise<workflowApi.Workflow> {
    const { id } = await this.#find(caller, name);
    const { workflow, generation } = await this.#options.workflows.setEnabled(caller.projectId, id, enabled);
    await this.#options.publish(generation);
    return this.#toWorkflow(workflow, false);
  }

  #find(caller: ApiCaller, name: string): Promise<WorkflowRecord> {
    return this.#options.workflows.get(caller.projectId, parseWorkflowName(name));
  }

  /** The workflow that gets the version; undefined when it has to be made. */
  async #target(caller: ApiCaller, name: string, definition: WorkflowDefinition): Promise<WorkflowRecord | undefined> {
    if (name === "") return this.#findByName(caller, definition.name);
    const workflow = await this.#find(caller, name);
    if (workflow.name === definition.name) return workflow;
    const message = `${name} is called "${workflow.name}", the definition "${definition.name}"`;
    throw new PlatformError("InvalidArgument", "WORKFLOW_NAME_DIFFERS", message);
  }

  async #findByName(caller: ApiCaller, name: string): Promise<WorkflowRecord | undefined> {
    try {
      return await this.#options.workflows.get(caller.projectId, name);
    } catch (thrown) {
      if (thrown instanceof PlatformError && thrown.reason === "WORKFLOW_NOT_FOUND") return undefined;
      throw thrown;
    }
  }

  #toWorkflow(record: WorkflowRecord, withDefinition: boolean, lock = ""): workflowApi.Workflow {
    const { version, enabled } = record;
    return {
      name: `workflows/${record.id}`,
      id: record.id,
      displayName: record.name,
      state: enabled ? workflowApi.WorkflowState.ENABLED : workflowApi.WorkflowState.DISABLED,
      version: version?.number ?? 0,
      versionId: version?.id ?? "",
      triggers: record.triggers.map(({ kind, endpoint }) => ({
        kind,
        url: `${this.#options.publicUrl()}/t/${endpoint}`,
      })),
      stepNames: [...(version?.spec.stepNames ?? [])],
      packages: lockedPackages(lock),
      createTime: new Date(record.createTimeMs),
      deployTime: version === null ? undefined : new Date(version.createTimeMs),
      definitionJson: withDefinition && version !== null ? JSON.stringify(version.definition) : "",
    };
  }
}
