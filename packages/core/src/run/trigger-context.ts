import type { RunSpec } from "./run-spec.ts";

/** Who started a run with `pd.flow.trigger`, as the run's context tells it. */
export interface ParentRun {
  readonly run: string;
  readonly workflow_id: string;
  /** Of the step run that called. */
  readonly step_path: string;
  /** True when it waits for this run's end. */
  readonly waits: boolean;
  /** How many workflows have started each other up to here, this one included. */
  readonly generation: number;
}

/** What a run's context is made of. */
export interface ContextFacts {
  readonly runId: string;
  readonly traceId: string;
  readonly timeMs: number;
  readonly spec: Pick<RunSpec, "workflowId" | "versionId">;
  readonly workflowName: string;
  /** The run that this one replays. */
  readonly replayOf?: string | undefined;
  /** The step that the replay begins at; undefined for the first. */
  readonly replayStep?: string | undefined;
  readonly parent?: ParentRun | undefined;
  /** True for a test of a draft: pauses then only say what they would do. */
  readonly test?: boolean;
}

/** `pd.steps["trigger"]["context"]` as a JSON object. */
export function encodeContext({
  runId,
  traceId,
  timeMs,
  spec,
  workflowName,
  replayOf,
  replayStep,
  parent,
  test,
}: ContextFacts): string {
  return JSON.stringify({
    id: runId,
    trace_id: traceId,
    ts: new Date(timeMs).toISOString(),
    workflow_id: spec.workflowId,
    workflow_name: workflowName,
    deployment_id: spec.versionId,
    replay: replayOf !== undefined,
    // JSON leaves out what is undefined.
    replay_of: replayOf,
    replay_step: replayStep,
    parent,
    test: test === true ? test : undefined,
  });
}

/** The parent that a context of the house's own making names; undefined for none. */
export function parentOf(contextJson: Uint8Array): ParentRun | undefined {
  return (JSON.parse(Buffer.from(contextJson).toString("utf8")) as { parent?: ParentRun }).parent;
}
