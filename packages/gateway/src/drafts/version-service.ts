import { lockedPackages, packageChanges } from "@millrace/core";
import type { versionApi, workflowApi } from "@millrace/protocol";
import type { VersionBody, VersionRecord, WorkflowRecord, Workflows } from "@millrace/store";
import type { ApiCaller, ApiContext } from "../api/api-caller.ts";
import { pageSizeOf } from "../api/paging.ts";
import { parseWorkflowName } from "../api/resource-names.ts";
import type { Deployed, Deployer } from "../deploy/deployer.ts";
import type { DraftDesk } from "./draft-desk.ts";
import { parseVersionName } from "./draft-names.ts";
import { changesOf, filesOf, filesOfDraft } from "./file-changes.ts";

const PAGE = { fallback: 50, max: 1000 };

export interface VersionServiceOptions {
  readonly workflows: Workflows;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly desk: DraftDesk;
  readonly deployer: Deployer;
  readonly toWorkflow: (deployed: Deployed) => workflowApi.Workflow;
}

/** `millrace.api.v1.VersionService`. */
export class VersionService {
  readonly #options: VersionServiceOptions;

  constructor(options: VersionServiceOptions) {
    this.#options = options;
  }

  async listVersions(
    request: versionApi.ListVersionsRequest,
    { principal }: ApiContext,
  ): Promise<versionApi.ListVersionsResponse> {
    const workflow = await this.#find(principal, parseWorkflowName(request.parent));
    const pageSize = pageSizeOf(request.pageSize, PAGE);
    const { pageToken } = request;
    const page = await this.#options.workflows.listVersions(workflow.id, { pageSize, pageToken });
    return {
      versions: page.items.map((version) => toVersion(workflow, version)),
      nextPageToken: page.nextPageToken,
    };
  }

  async getVersion({ name }: versionApi.GetVersionRequest, { principal }: ApiContext): Promise<versionApi.Version> {
    const { workflow, version } = await this.#named(principal, name);
    const { definition, sources, modules, packages } = version;
    return {
      ...toVersion(workflow, version),
      definitionJson: JSON.stringify(definition),
      sources: { ...sources },
      modules: { ...modules },
      packages: lockedPackages(packages?.lock ?? ""),
      lock: packages?.lock ?? "",
      pythonMinor: packages?.pythonMinor ?? "",
    };
  }

  async compareVersions(
    request: versionApi.CompareVersionsRequest,
    { principal }: ApiContext,
  ): Promise<versionApi.CompareVersionsResponse> {
    const workflow = await this.#find(principal, parseWorkflowName(request.parent));
    const before = await this.#numbered(workflow, request.from);
    const old = before === undefined ? new Map<string, string>() : filesOf(before);
    if (request.to === 0) {
      const { draft } = await this.#options.desk.open(principal, workflow.id);
      return { files: changesOf(old, filesOfDraft(workflow.name, draft.body)), packageChanges: [] };
    }
    const after = await this.#options.workflows.getVersionByNumber(workflow.id, request.to);
    return {
      files: changesOf(old, filesOf(after)),
      packageChanges: packageChanges(before?.packages?.lock ?? "", after.packages?.lock ?? ""),
    };
  }

  async rollBackWorkflow(
    { name }: versionApi.RollBackWorkflowRequest,
    { principal }: ApiContext,
  ): Promise<workflowApi.Workflow> {
    const { workflow, version } = await this.#named(principal, name);
    const restored = await this.#options.deployer.restore(principal.projectId, workflow, version);
    return this.#options.toWorkflow({ workflow: restored, packages: version.packages, changes: [] });
  }

  #find(caller: ApiCaller, idOrName: string): Promise<WorkflowRecord> {
    return this.#options.workflows.get(caller.projectId, idOrName);
  }

  async #named(caller: ApiCaller, name: string): Promise<{ workflow: WorkflowRecord; version: VersionBody }> {
    const { workflow: idOrName, number } = parseVersionName(name);
    const workflow = await this.#find(caller, idOrName);
    return { workflow, version: await this.#options.workflows.getVersionByNumber(workflow.id, number) };
  }

  /** 0 is the newest; undefined when there is none. */
  async #numbered(workflow: WorkflowRecord, number: number): Promise<VersionBody | undefined> {
    if (number > 0) return this.#options.workflows.getVersionByNumber(workflow.id, number);
    return workflow.version === null ? undefined : this.#options.versions.get(workflow.version.id);
  }
}

function toVersion(workflow: WorkflowRecord, { number, id, createTimeMs, spec }: VersionRecord): versionApi.Version {
  return {
    name: `workflows/${workflow.id}/versions/${number}`,
    ...{ number, id },
    createTime: new Date(createTimeMs),
    live: id === workflow.version?.id,
    stepNames: [...spec.stepNames],
    ...{ definitionJson: "", sources: {}, modules: {}, packages: [], lock: "", pythonMinor: "" },
  };
}
