import type { RunSpec, Use } from "@millrace/core";
import type { RetentionChoice } from "../housekeeping/retention.ts";

/** What a version fixes about its runs; with the ids it is a `RunSpec`. */
export type VersionSpec = Omit<RunSpec, "projectId" | "workflowId" | "versionId">;

/** A trigger as a deploy asks for it. */
export interface TriggerDefinition {
  /** Unique among the workflow's triggers; a later deploy that uses the name again keeps the endpoint. */
  readonly name: string;
  /** `http`, … */
  readonly kind: string;
  /** JSON of the definition's own; kept as it is. */
  readonly settings: unknown;
}

/** A trigger of the version that is live. */
export interface TriggerRecord extends TriggerDefinition {
  readonly id: string;
  /** Unguessable part of the trigger's address; survives redeploy, disabling and renaming. */
  readonly endpoint: string;
}

/** A version without its sources. */
export interface VersionRecord {
  readonly id: string;
  /** From 1 within the workflow. */
  readonly number: number;
  readonly createTimeMs: number;
  readonly spec: RunSpec;
  /** JSON of `workflow.yaml`, checked, as the deploy gave it. */
  readonly definition: unknown;
}

/** A version with all that a worker loads. */
export interface VersionBody extends VersionRecord {
  readonly workflowName: string;
  /** Text by file name, as the deploy gave it. */
  readonly sources: Readonly<Record<string, string>>;
  /** Text of further Python modules, by path. */
  readonly modules: Readonly<Record<string, string>>;
  /** Null when it has none. */
  readonly packages: VersionPackages | null;
  /** What of its project it uses; null when nobody has looked. */
  readonly uses: readonly Use[] | null;
}

/** The packages of a version: what was asked for, and the lock that decides. */
export interface VersionPackages {
  /** Names the set: SHA-256 over the Python minor and the lock. */
  readonly hash: string;
  readonly pythonMinor: string;
  /** Pinned requirements with their hashes. */
  readonly lock: string;
  /** What the lock was resolved from; the same again keeps the lock. */
  readonly requirements: readonly string[];
}

/** A workflow with the version that is live. */
export interface WorkflowRecord {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly createTimeMs: number;
  /** Null before the first deploy. */
  readonly version: VersionRecord | null;
  /** Of the live version, in its order. */
  readonly triggers: readonly TriggerRecord[];
}

/** A workflow after a change, with the generation that carries it. */
export interface WorkflowChange {
  readonly workflow: WorkflowRecord;
  /** Gateways serve the change from this generation on. */
  readonly generation: number;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Hand it back for the next page; empty at the end. */
  readonly nextPageToken: string;
}

/** Which page of a list. */
export interface PageRequest {
  /** 1 to 1,000; default 100. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before; empty for the first. */
  readonly pageToken?: string;
}

/** What a gateway keeps in memory, or what has changed in it. */
export interface DefinitionsChange {
  /** What the reader has after applying this. */
  readonly generation: number;
  /** Workflows that are new or have changed. */
  readonly workflows: readonly WorkflowRecord[];
  /** Workflows that are gone. */
  readonly deletedWorkflowIds: readonly string[];
  /** API keys that are new. */
  readonly apiKeys: readonly ApiKeyRecord[];
  /** API keys that no longer open anything. */
  readonly revokedApiKeyIds: readonly string[];
}

/** An API key as the record knows it: by its hash alone. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  /** SHA-256 of the key, in hex; `hashApiKey` makes it. */
  readonly hash: string;
  readonly createTimeMs: number;
  /** When it was used last, to the minute; null for never. */
  readonly useTimeMs: number | null;
}

/** Definitions: workflows, their versions and triggers. Every change raises one generation, in its own transaction. */
export interface Workflows {
  /** Makes a workflow without a version. `WORKFLOW_EXISTS` when the project has one of that name. */
  create(projectId: string, name: string): Promise<WorkflowChange>;
  /** By id or name. `WORKFLOW_NOT_FOUND`. */
  get(projectId: string, idOrName: string): Promise<WorkflowRecord>;
  /** By name, ascending. */
  list(projectId: string, page?: PageRequest): Promise<Page<WorkflowRecord>>;
  /** Freezes the next version and makes it live; triggers keep their endpoints by name. `WORKFLOW_NOT_FOUND`. */
  deploy(deploy: Deploy): Promise<WorkflowChange>;
  /** `WORKFLOW_NOT_FOUND`. */
  setEnabled(projectId: string, workflowId: string, enabled: boolean): Promise<WorkflowChange>;
  /** The workflow disappears; its runs go on and its history stays. Returns the generation. `WORKFLOW_NOT_FOUND`. */
  delete(projectId: string, workflowId: string): Promise<number>;
  /** A version with its sources, also of a deleted workflow. `VERSION_NOT_FOUND`. */
  getVersion(versionId: string): Promise<VersionBody>;
  /** Of a workflow, newest first. */
  listVersions(workflowId: string, page?: PageRequest): Promise<Page<VersionRecord>>;
  /** `VERSION_NOT_FOUND`. */
  getVersionByNumber(workflowId: string, number: number): Promise<VersionBody>;
  /** What has changed after a generation; 0 for everything. */
  loadDefinitions(sinceGeneration: number): Promise<DefinitionsChange>;
  /** The generation of the newest change. */
  getGeneration(): Promise<number>;
}

/** What a deploy freezes. */
export interface Deploy {
  readonly projectId: string;
  readonly workflowId: string;
  readonly definition: unknown;
  readonly sources: Readonly<Record<string, string>>;
  readonly modules: Readonly<Record<string, string>>;
  readonly packages: VersionPackages | null;
  readonly spec: VersionSpec;
  /** What of its project it uses; unknown when left out. */
  readonly uses?: readonly Use[] | null;
  /** What it says about how long its runs are kept; nothing when left out. */
  readonly retention?: RetentionChoice;
  readonly triggers: readonly TriggerDefinition[];
}
