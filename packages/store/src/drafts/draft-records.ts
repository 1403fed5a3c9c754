import type { Use } from "@millrace/core";
import type { VersionBody, VersionPackages, VersionSpec } from "../definitions/workflow-records.ts";

/** A step of a draft. */
export interface DraftStepBody {
  /** Stays when the step is renamed or moved. */
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly code: string;
  /** What else the definition says of the step. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What a draft consists of. */
export interface DraftBody {
  /** The content of `workflow.yaml` without its steps. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly steps: readonly DraftStepBody[];
  /** Text of further Python modules, by path. */
  readonly modules: Readonly<Record<string, string>>;
}

/** A draft. */
export interface DraftRecord {
  readonly id: string;
  readonly workflowId: string;
  readonly revision: number;
  readonly body: DraftBody;
  /** The version that it was made of, or that was made of it last. */
  readonly base: { readonly id: string; readonly number: number } | null;
  readonly author: string;
  readonly updateTimeMs: number;
}

/** What becomes of a draft. */
export interface DraftChange {
  readonly body: DraftBody;
  /** What the steps have as inputs from now on; unchanged when left out. */
  readonly inputUses?: readonly Use[];
  /** True for a piece of what somebody types: pieces of one minute are one state to go back to. */
  readonly typing?: boolean;
  /** Where the draft is another version's from now on. */
  readonly baseVersionId?: string | undefined;
}

/** A state that a draft was in. */
export interface DraftRevisionRecord {
  readonly revision: number;
  readonly author: string;
  readonly createTimeMs: number;
}

/** A result that a test was given. */
export interface GivenResult {
  readonly name: string;
  readonly runId: string;
  readonly path: string;
}

/** A test of a draft. */
export interface DraftTestRecord {
  readonly runId: string;
  readonly draftId: string;
  /** Empty for all steps in one run. */
  readonly stepId: string;
  /** Of each step that runs, in the order in which they do: its id, and a hash of what it was. */
  readonly hashes: readonly (readonly [stepId: string, hash: string])[];
  readonly given: readonly GivenResult[];
  readonly createTimeMs: number;
}

/** A request to a draft's test address. */
export interface DraftEventRecord {
  /** Grows with each. */
  readonly id: number;
  readonly eventJson: Uint8Array;
  readonly createTimeMs: number;
}

/** A version that only tests run. */
export interface TestVersion {
  readonly workflowId: string;
  readonly definition: unknown;
  readonly sources: Readonly<Record<string, string>>;
  readonly modules: Readonly<Record<string, string>>;
  readonly packages: VersionPackages | null;
  readonly spec: VersionSpec;
}

/** Drafts of workflows, their revisions and tests. */
export interface Drafts {
  /** Undefined while nobody has asked for it. */
  get(workflowId: string): Promise<DraftRecord | undefined>;
  /** Makes it unless it is there. */
  create(draft: {
    workflowId: string;
    body: DraftBody;
    baseVersionId: string | null;
    author: string;
  }): Promise<DraftRecord>;
  /** Changes it while nobody else does; undefined from `change` changes nothing. */
  change(
    workflowId: string,
    author: string,
    change: (draft: DraftRecord) => DraftChange | undefined,
  ): Promise<DraftRecord>;
  /** Newest first. */
  listRevisions(draftId: string): Promise<readonly DraftRevisionRecord[]>;
  /** `REVISION_NOT_FOUND`. */
  getRevision(draftId: string, revision: number): Promise<DraftBody>;
  /** Keeps which variables the code of a draft reads, unless the draft has changed since. */
  recordVariableUses(draftId: string, revision: number, uses: readonly Use[]): Promise<void>;
  /** The version of that content, made when there is none of the last hours. */
  ensureTestVersion(version: TestVersion): Promise<VersionBody>;
  recordTest(test: Omit<DraftTestRecord, "createTimeMs">): Promise<void>;
  /** The newest ones, a bounded number, newest first. */
  listTests(draftId: string): Promise<readonly DraftTestRecord[]>;
  /** By its run, with the project that the run is of; undefined for a run that is no test. */
  findTest(runId: string): Promise<(DraftTestRecord & { readonly projectId: string }) | undefined>;
  forgetTests(draftId: string): Promise<void>;
  /** Keeps an event, and the newest ones before it; false when there is no such draft. */
  addEvent(draftId: string, eventJson: Uint8Array): Promise<boolean>;
  /** Those behind one, oldest first. */
  listEvents(draftId: string, afterId: number): Promise<readonly DraftEventRecord[]>;
}
