import type { HttpTriggerDefinition } from "@millrace/core";
import type { ApiKeyRecord, DefinitionsChange, TriggerRecord, VersionRecord, WorkflowRecord } from "@millrace/store";

/** Everything that a request to an HTTP trigger needs to know. */
export interface LiveTrigger {
  readonly workflow: WorkflowRecord;
  readonly version: VersionRecord;
  readonly http: HttpTriggerDefinition;
}

/**
 * What this gateway serves: all workflows, endpoints and API keys at one generation, in memory, so that a request asks no
 * database. Changes are applied whole; nothing of it survives a restart.
 */
export class DefinitionCache {
  #generation = 0;
  readonly #workflows = new Map<string, WorkflowRecord>();
  readonly #idsByName = new Map<string, string>();
  readonly #triggers = new Map<string, LiveTrigger>();
  readonly #keysByHash = new Map<string, ApiKeyRecord>();
  readonly #hashesById = new Map<string, string>();

  /** The generation that is served; 0 before the first load. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes over what has changed since the generation that is served. */
  apply(change: DefinitionsChange): void {
    for (const id of change.deletedWorkflowIds) this.#remove(id);
    // All leave before any enters: two workflows may have swapped their names.
    for (const { id } of change.workflows) this.#remove(id);
    for (const workflow of change.workflows) this.#add(workflow);
    for (const id of change.revokedApiKeyIds) this.#revoke(id);
    for (const key of change.apiKeys) {
      this.#keysByHash.set(key.hash, key);
      this.#hashesById.set(key.id, key.hash);
    }
    this.#generation = Math.max(this.#generation, change.generation);
  }

  /** Serves this, which is everything there is, and nothing that was served before. */
  replace(everything: DefinitionsChange): void {
    for (const map of [this.#workflows, this.#idsByName, this.#triggers, this.#keysByHash, this.#hashesById])
      map.clear();
    this.#generation = 0;
    this.apply(everything);
  }

  /** The trigger behind an endpoint; undefined when there is none or its workflow is disabled. */
  findTrigger(endpoint: string): LiveTrigger | undefined {
    return this.#triggers.get(endpoint);
  }

  /** A project's workflow by its id or its name. */
  findWorkflow(projectId: string, idOrName: string): WorkflowRecord | undefined {
    const byId = this.#workflows.get(idOrName);
    if (byId?.projectId === projectId) return byId;
    const id = this.#idsByName.get(nameKey(projectId, idOrName));
    return id === undefined ? undefined : this.#workflows.get(id);
  }

  /** A workflow by its id alone: for the house's own use, never for a caller's words. */
  getById(workflowId: string): WorkflowRecord | undefined {
    return this.#workflows.get(workflowId);
  }

  /** The key with this hash, unless it was revoked. */
  findApiKey(hash: string): ApiKeyRecord | undefined {
    return this.#keysByHash.get(hash);
  }

  #add(workflow: WorkflowRecord): void {
    this.#workflows.set(workflow.id, workflow);
    this.#idsByName.set(nameKey(workflow.projectId, workflow.name), workflow.id);
    const { version } = workflow;
    if (version === null || !workflow.enabled) return;
    for (const trigger of workflow.triggers) {
      if (trigger.kind !== "http") continue;
      this.#triggers.set(trigger.endpoint, { workflow, version, http: httpSettings(trigger) });
    }
  }

  #remove(workflowId: string): void {
    const workflow = this.#workflows.get(workflowId);
    if (workflow === undefined) return;
    this.#workflows.delete(workflowId);
    this.#idsByName.delete(nameKey(workflow.projectId, workflow.name));
    for (const { endpoint } of workflow.triggers) this.#triggers.delete(endpoint);
  }

  #revoke(keyId: string): void {
    const hash = this.#hashesById.get(keyId);
    this.#hashesById.delete(keyId);
    if (hash !== undefined) this.#keysByHash.delete(hash);
  }
}

function nameKey(projectId: string, name: string): string {
  return `${projectId}/${name}`;
}

/** A deploy wrote the settings from a checked definition, so they are what they say. */
function httpSettings(trigger: TriggerRecord): HttpTriggerDefinition {
  return trigger.settings as HttpTriggerDefinition;
}
