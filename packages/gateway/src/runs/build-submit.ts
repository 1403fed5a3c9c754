import { createRunId, encodeContext, partitionOf, type messages, type RunSpec, type StepResult } from "@millrace/core";
import { RandomPool } from "./random-pool.ts";

/** Random bytes of a UUIDv7. */
const ID_BYTES = 10;
const random = new RandomPool();

/** What starts a run, as a door knows it. */
export interface RunStart {
  readonly spec: RunSpec;
  readonly workflowName: string;
  readonly eventJson: Buffer;
  readonly fallsBackToBody: boolean;
  /** JSON text for the context's `request`; undefined for none. */
  readonly requestJson?: string | undefined;
  readonly triggerKind: "http" | "api" | "replay" | "test";
  /** The workflow that the run's own code is told of, where the spec has another one's id. */
  readonly shownWorkflowId?: string | undefined;
  /** The run that this one replays; undefined for none. */
  readonly replayOf?: string | undefined;
  /** The step that it begins at, with what stands for the steps above it; undefined for the first. */
  readonly replayStep?: string | undefined;
  readonly takenOver?: readonly StepResult[] | undefined;
  readonly idempotencyKey: string;
  /** Undefined: what the workflow says. */
  readonly priority?: number | undefined;
  readonly traceId: string;
  readonly traceParent: string;
  readonly wantsAnswer: boolean;
  readonly wantsEnd: boolean;
  /** Chosen before; undefined: a new one. */
  readonly runId?: string | undefined;
}

/** Who submits, and into how many partitions. */
export interface SubmitOrigin {
  readonly gateway: string;
  readonly partitionCount: number;
}

/** Makes the submit of a new run: its id, its partition and its context. */
export function buildSubmit(start: RunStart, origin: SubmitOrigin, nowMs: number): messages.Submit {
  const runId = start.runId ?? createRunId(nowMs, random.take(ID_BYTES));
  const { spec, triggerKind, traceId, traceParent, wantsAnswer, wantsEnd } = start;
  return {
    partition: partitionOf(spec.workflowId, origin.partitionCount),
    runId,
    spec,
    input: {
      eventJson: start.eventJson,
      eventFallsBackToBody: start.fallsBackToBody,
      contextJson: Buffer.from(contextJson(start, runId, nowMs)),
      triggerKind,
      traceParent,
      traceId,
      createTimeMs: nowMs,
    },
    priority: start.priority ?? spec.priority ?? 0,
    idempotencyKey: start.idempotencyKey,
    gateway: origin.gateway,
    wantsAnswer,
    wantsEnd,
    ...(start.takenOver && { takenOver: start.takenOver }),
  };
}

/** `pd.steps["trigger"]["context"]` as JSON text; the request goes in as text so that nothing in it changes. */
function contextJson(start: RunStart, runId: string, timeMs: number): string {
  const spec = start.shownWorkflowId === undefined ? start.spec : { ...start.spec, workflowId: start.shownWorkflowId };
  const { traceId, workflowName, replayOf, replayStep, triggerKind } = start;
  const facts = { runId, traceId, timeMs, spec, workflowName, replayOf, replayStep, test: triggerKind === "test" };
  const context = encodeContext(facts);
  return start.requestJson === undefined ? context : `${context.slice(0, -1)},"request":${start.requestJson}}`;
}
