/** Workflows that start each other: ids, starts, results and cancels as messages beside the sender's commit. */
import { createHash } from "node:crypto";
import type { EndChange, OutboxBody, OutboxMessage } from "../owner/record.ts";
import { messageOf } from "./message-target.ts";
import { createRunId } from "./run-id.ts";
import { parsePayloadReference } from "./payload-reference.ts";
import type { RunInput, RunSpec } from "./run-spec.ts";
import { isResumePath } from "./step-path.ts";
import type { ChildRun, StepFailure, StepResult } from "./step-result.ts";
import { parentOf } from "./trigger-context.ts";

/** Most workflows that may start each other in a row: a workflow that triggers itself comes to an end. */
export const GENERATIONS_MAX = 32;
/** Most workflows that one execution of a step may start. */
export const CHILDREN_MAX = 100;
/** Kind of the trigger of a run that another run has started. */
export const WORKFLOW_TRIGGER = "workflow";

/** What must be known of a run whose relatives are told something. */
export interface Relative {
  readonly partition: number;
  readonly runId: string;
  readonly spec: RunSpec;
  readonly input: RunInput;
}

/** The id of a child: the call's time, which names its day, and a digest of who called and where. */
export function childRunId(parent: string, path: string, number: number, callTimeMs: number): string {
  const digest = createHash("sha256").update(`${parent}/${path}/${number}`).digest();
  return createRunId(callTimeMs, digest.subarray(0, 10));
}

/** The run that a step's result waits for. */
export function awaitedChild(runId: string, { path, pause, children }: StepResult): ChildRun | undefined {
  const child = pause?.kind === "CHILD" && children?.find(({ number }) => number === pause.childNumber);
  if (!child) return undefined;
  const { number, workflowId, workflowName, callTimeMs } = child;
  return { runId: childRunId(runId, path, number, callTimeMs), workflowId, workflowName };
}

/** The step's result, or the failure in its place when its run has too many ancestors to start another workflow. */
export function boundChildren({ input }: Pick<Relative, "input">, result: StepResult): StepResult {
  const { children } = result;
  if (!children) return result;
  if (children.length <= CHILDREN_MAX && generationOf(input) < GENERATIONS_MAX) return result;
  const message =
    children.length > CHILDREN_MAX
      ? `a step may start ${CHILDREN_MAX} workflows; this one has started ${children.length}`
      : `${GENERATIONS_MAX} workflows have started each other in a row, which is the limit`;
  const failure = { cause: "EXCEPTION", type: "TooManyTriggers", message, traceback: "", line: 0 } as const;
  return { ...result, exit: undefined, pause: undefined, children: undefined, failure: result.failure ?? failure };
}

/** Starts of the step's children, to be sent once the step is committed. */
export function childStarts(run: Relative, { path, children = [], pause }: StepResult): OutboxMessage[] {
  return children.map(({ number, callTimeMs, eventJson, workflowId, workflowName }) => {
    const waits = pause?.kind === "CHILD" && pause.childNumber === number;
    const childId = childRunId(run.runId, path, number, callTimeMs);
    const body: OutboxBody = {
      kind: "START",
      childId,
      projectId: run.spec.projectId,
      workflowId,
      workflowName,
      traceId: run.input.traceId,
      timeMs: callTimeMs,
      parent: {
        run: run.runId,
        workflow_id: run.spec.workflowId,
        step_path: path,
        waits,
        generation: generationOf(run.input) + 1,
      },
    };
    return messageOf(run, `start/${childId}`, body, eventJson);
  });
}

/** The result of a run that another one may wait for; none for other runs. */
export function resultForParent(run: Relative & { steps: readonly StepResult[] }, end: EndChange): OutboxMessage[] {
  if (run.input.triggerKind !== WORKFLOW_TRIGGER) return [];
  const parent = parentOf(run.input.contextJson);
  if (!parent?.waits) return [];
  const last = end.step && !isResumePath(end.step.path) ? end.step : run.steps.at(-1);
  const body = { kind: "RESUME", runId: parent.run, workflowId: parent.workflow_id, path: parent.step_path } as const;
  const payload = encodeChild({ runId: run.runId, state: end.state, reason: end.exitReason, last });
  return [messageOf(run, `result/${run.runId}`, body, payload)];
}

/** The end of a run that waits for a child ends the child too. */
export function cancelAwaited(run: Relative, paused: StepResult | undefined): OutboxMessage[] {
  const child = paused?.resumption === undefined ? paused?.pause?.child : undefined;
  if (!child) return [];
  const reason = `the run that waited for it, ${run.runId}, was cancelled`;
  const body = { kind: "CANCEL", runId: child.runId, workflowId: child.workflowId, reason } as const;
  return [messageOf(run, `cancel/${child.runId}`, body, new Uint8Array())];
}

/** `$child` of the step that waited for a workflow that could not be started, or whose result has no room. */
export function failedChild(runId: string, type: string, message: string): Uint8Array {
  const error = { step: "", type, message, line: 0 };
  return Buffer.from(JSON.stringify({ $child: { run: runId, state: "FAILED", error, reason: "", result: null } }));
}

interface ChildEnd {
  readonly runId: string;
  readonly state: string;
  readonly reason: string;
  readonly last: StepResult | undefined;
}

/** The child's result is spliced in as it is: nothing in it changes on its way. */
function encodeChild({ runId, state, reason, last }: ChildEnd): Uint8Array {
  const returned = last?.failure === undefined ? last?.returnValueJson : undefined;
  const large = returned && parsePayloadReference(returned);
  const failure = large ? tooLarge(large.size) : last?.failure;
  const error = failure && { step: last!.name, type: failure.type, message: failure.message, line: failure.line };
  const head = JSON.stringify({ run: runId, state, error: error ?? null, reason });
  const result = large ? undefined : returned;
  return Buffer.concat([
    Buffer.from(`{"$child":${head.slice(0, -1)},"result":`),
    result ?? Buffer.from("null"),
    Buffer.from("}}"),
  ]);
}

function tooLarge(size: number): Pick<StepFailure, "type" | "message" | "line"> {
  const message = `the return value of the last step has ${size} bytes, more than one run hands to another`;
  return { type: "PayloadTooLarge", message, line: 0 };
}

function generationOf({ triggerKind, contextJson }: RunInput): number {
  return triggerKind === WORKFLOW_TRIGGER ? (parentOf(contextJson)?.generation ?? 0) : 0;
}
