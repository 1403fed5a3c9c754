import { PlatformError } from "@millrace/core";
import type { historyApi } from "@millrace/protocol";
import {
  RETENTION_BOUNDS,
  type RetentionChoice,
  type Retentions,
  type RetentionView,
  type Storage,
} from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { ApiContext } from "./api-caller.ts";
import { parseWorkflowName } from "./resource-names.ts";

export interface HistoryServiceOptions {
  readonly retentions: Retentions;
  readonly storage: Storage;
  readonly cache: DefinitionCache;
}

/** `millrace.api.v1.HistoryService`. */
export class HistoryService {
  readonly #options: HistoryServiceOptions;

  constructor(options: HistoryServiceOptions) {
    this.#options = options;
  }

  async getProjectRetention(
    _request: historyApi.GetProjectRetentionRequest,
    { principal }: ApiContext,
  ): Promise<historyApi.Retention> {
    return toRetention("", await this.#options.retentions.ofProject(principal.projectId));
  }

  async setProjectRetention(
    request: historyApi.SetProjectRetentionRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<historyApi.Retention> {
    const { retentions } = this.#options;
    await retentions.setForProject(projectId, toChoice(request));
    return toRetention("", await retentions.ofProject(projectId));
  }

  async getWorkflowRetention(
    { name }: historyApi.GetWorkflowRetentionRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<historyApi.Retention> {
    const id = this.#find(projectId, name);
    return toRetention(`workflows/${id}`, await this.#options.retentions.ofWorkflow(projectId, id));
  }

  async setWorkflowRetention(
    request: historyApi.SetWorkflowRetentionRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<historyApi.Retention> {
    const { retentions } = this.#options;
    const id = this.#find(projectId, request.name);
    await retentions.setForWorkflow(projectId, id, toChoice(request));
    return toRetention(`workflows/${id}`, await retentions.ofWorkflow(projectId, id));
  }

  getStorage(_request: historyApi.GetStorageRequest, { principal }: ApiContext): Promise<historyApi.Storage> {
    return this.#options.storage.usage(principal.projectId);
  }

  async setStorageLimit(
    { limitBytes }: historyApi.SetStorageLimitRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<historyApi.Storage> {
    if (limitBytes !== undefined && !Number.isSafeInteger(limitBytes)) {
      throw new PlatformError("InvalidArgument", "INVALID_STORAGE_LIMIT", "a limit is a whole number of bytes");
    }
    const { storage } = this.#options;
    await storage.setLimit(projectId, limitBytes ?? null);
    return storage.usage(projectId);
  }

  #find(projectId: string, name: string): string {
    const idOrName = parseWorkflowName(name);
    const workflow = this.#options.cache.findWorkflow(projectId, idOrName);
    if (workflow !== undefined) return workflow.id;
    throw new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `there is no workflow ${JSON.stringify(idOrName)}`);
  }
}

function toChoice({ days, runs }: { days?: number | undefined; runs?: number | undefined }): RetentionChoice {
  const { daysMax, runsMax } = RETENTION_BOUNDS;
  const fits = (value: number | undefined, min: number, max: number): boolean =>
    value === undefined || (value >= min && value <= max);
  if (fits(days, 1, daysMax) && fits(runs, 0, runsMax)) return { days: days ?? null, runs: runs ?? null };
  const message = `runs are kept for 1 to ${daysMax} days, and 0 (any number) to ${runsMax} of each workflow`;
  throw new PlatformError("InvalidArgument", "INVALID_RETENTION", message);
}

function toRetention(name: string, { choice, effective }: RetentionView): historyApi.Retention {
  return {
    name,
    days: choice.days ?? undefined,
    runs: choice.runs ?? undefined,
    effectiveDays: effective.days,
    effectiveRuns: effective.runs,
  };
}
