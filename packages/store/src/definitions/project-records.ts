import type { ApiKeyRecord } from "./workflow-records.ts";

/** A tenant. */
export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
}

/** Projects. */
export interface Projects {
  /** Finds the project of that name, or makes it. */
  ensure(name: string): Promise<ProjectRecord>;
  /** The project's settings; `PROJECT_NOT_FOUND`. */
  getSettings(projectId: string): Promise<ProjectSettings>;
  /** Changes where mail goes to by default, null for nowhere; returns all settings. `PROJECT_NOT_FOUND`. */
  setEmailRecipient(projectId: string, recipient: string | null): Promise<ProjectSettings>;
  /** Changes how many runs may wait, null for the house's setting; returns all settings. `PROJECT_NOT_FOUND`. */
  setQueueLimit(projectId: string, limit: number | null): Promise<ProjectSettings>;
  /** What the project has done so far, for who begins. `PROJECT_NOT_FOUND`. */
  readFirstSteps(projectId: string): Promise<FirstSteps>;
  /** Nobody is shown the first steps of the project from now on. */
  endFirstSteps(projectId: string): Promise<void>;
}

/** Which first steps a project has taken. */
export interface FirstSteps {
  /** True when they have ended; then the others are not looked at. */
  readonly over: boolean;
  readonly created: boolean;
  readonly tested: boolean;
  /** Deployed workflows, counted up to a few. */
  readonly deployedCount: number;
  /** The newest workflow. */
  readonly workflowId: string | null;
}

/** What people set for a project as a whole. */
export interface ProjectSettings {
  readonly name: string;
  /** Where `pd.send.email` sends to when the step names nobody. */
  readonly emailRecipient: string | null;
  /** Most waiting runs; null when the house's setting holds. */
  readonly queueLimit: number | null;
}

/** A key that was just made: the only moment at which its text is known. */
export interface CreatedApiKey extends ApiKeyRecord {
  readonly key: string;
  readonly generation: number;
}

/** Keys to the API. Only hashes are kept. */
export interface ApiKeys {
  create(projectId: string, name: string): Promise<CreatedApiKey>;
  /** Undefined for a key that is unknown or revoked. */
  verify(key: string): Promise<ApiKeyRecord | undefined>;
  /** Of one project, newest first, without revoked ones. */
  list(projectId: string): Promise<readonly ApiKeyRecord[]>;
  /** Returns the generation. `API_KEY_NOT_FOUND`. */
  revoke(projectId: string, keyId: string): Promise<number>;
  /** Notes that keys are in use now. */
  noteUses(keyIds: readonly string[]): Promise<void>;
}

/** An environment variable of a project. */
export interface VariableRecord {
  readonly name: string;
  readonly value: string;
  /** Masked in logs, never shown again. */
  readonly secret: boolean;
  readonly updateTimeMs: number;
}

/** A variable as people may see it: the value of a secret one is not there. */
export interface ListedVariable extends Omit<VariableRecord, "value"> {
  readonly value: string | undefined;
}

/** All variables of a project at one moment. */
export interface VariableSet {
  /** Raised by every change of the project's variables. */
  readonly generation: number;
  readonly variables: readonly VariableRecord[];
}

/** Environment variables of projects. */
export interface Variables {
  /**
   * Makes or replaces one; returns it with the project's new generation. `INVALID_VARIABLE` for what cannot be kept,
   * `TOO_MANY_VARIABLES`, `VARIABLES_TOO_LARGE`.
   */
  set(
    projectId: string,
    variable: { name: string; value: string; secret: boolean },
  ): Promise<VariableRecord & { generation: number }>;
  /** All with their values, by name, for runs. Undefined when the generation is the one that the reader knows already. */
  load(projectId: string, knownGeneration: number): Promise<VariableSet | undefined>;
  /** All, by name, for people. */
  list(projectId: string): Promise<readonly ListedVariable[]>;
  /** Removes one; returns the new generation. `VARIABLE_NOT_FOUND`. */
  unset(projectId: string, name: string): Promise<number>;
}
