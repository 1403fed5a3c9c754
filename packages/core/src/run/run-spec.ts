/** What an owner must know of the version that a run executes; frozen with the version. */
export interface RunSpec {
  readonly projectId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly pool: string;
  /** Such as `3.11`; empty when any will do. */
  readonly pythonMinor: string;
  /** In order; step i has the path `steps/<i>`. */
  readonly stepNames: readonly string[];
  /** Most live assignments at the same time; 0 means no limit. */
  readonly concurrencyLimit: number;
  /** Most waiting runs; 0 means `QUEUE_LIMIT_DEFAULT`. */
  readonly queueLimit: number;
  readonly runTimeoutMs: number;
  /** Priority of runs that say none; undefined means 0. */
  readonly priority?: number | undefined;
  /** Labels that a runner must all have; undefined in the record of releases that knew none. */
  readonly labels?: readonly string[] | undefined;
}

/** Bounds of a run's priority; higher ones start first. */
export const PRIORITY_MIN = -100;
export const PRIORITY_MAX = 100;

/** Most waiting runs of a workflow that sets no limit of its own. */
export const QUEUE_LIMIT_DEFAULT = 10_000;

/** What starts a run; fixed when it is accepted. */
export interface RunInput {
  /** The event as JSON in UTF-8. */
  readonly eventJson: Uint8Array;
  /** True when a key that the event lacks is looked up in its JSON `body`. */
  readonly eventFallsBackToBody: boolean;
  /** `pd.steps["trigger"]["context"]` as a JSON object in UTF-8. */
  readonly contextJson: Uint8Array;
  /** `http`, `api` or `replay`. */
  readonly triggerKind: string;
  /** W3C trace parent of the span that submitted the run; empty without tracing. */
  readonly traceParent: string;
  /** Belongs to the run for good; 32 hex digits. */
  readonly traceId: string;
  readonly createTimeMs: number;
}
