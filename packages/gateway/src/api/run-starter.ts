import { PlatformError, PRIORITY_MAX, PRIORITY_MIN, takeOver, type RunSpec, type StepResult } from "@millrace/core";
import type { runApi } from "@millrace/protocol";
import type { RunRecord, WorkflowRecord } from "@millrace/store";
import { createTraceId, parseTraceparent, spanNames, TRACEPARENT_HEADER, type Tracer } from "@millrace/telemetry";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { UploadDoor } from "../files/upload-door.ts";
import { isLargeBody } from "../http/decode-body.ts";
import { isLargeJson } from "../http/json-scan.ts";
import { checkJsonText } from "../http/json-text.ts";
import { buildSubmit, type RunStart, type SubmitOrigin } from "../runs/build-submit.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import type { ApiContext } from "./api-caller.ts";
import type { TakenResults } from "../payloads/taken-results.ts";
import type { ReaderGate } from "./reader-gate.ts";
import { parseContext, toAcceptedRun } from "./run-message.ts";

const REQUEST_ID = /^[\x21-\x7e]{0,128}$/;

export interface RunStarterOptions {
  readonly cache: DefinitionCache;
  readonly desk: RunDesk;
  readonly origin: SubmitOrigin;
  readonly tracer: Tracer;
  readonly gate: ReaderGate;
  /** Lets a run that is replayed keep the files that were sent to the first one. */
  readonly uploads: Pick<UploadDoor, "keepAgain">;
  /** Lets it keep what is large of the results that it takes over. */
  readonly results: TakenResults;
}

/** A run that was handed in. */
export interface StartedRun {
  readonly runId: string;
  readonly workflowId: string;
  /** The run as it is known without asking the database; undefined when it has to be asked. */
  readonly accepted: runApi.Run | undefined;
}

type ApiStart = Pick<
  RunStart,
  | ("spec" | "eventJson" | "fallsBackToBody" | "requestJson" | "triggerKind" | "runId" | "priority")
  | ("replayOf" | "replayStep" | "takenOver")
>;

/** What is asked of the newest version. */
export type CreateRequest = Pick<runApi.CreateRunRequest, "eventJson" | "requestId" | "priority">;

/** What of a call its start needs. */
export type StartContext = Pick<ApiContext, "principal" | "header" | "method" | "signal">;

/** How to replay. */
export interface ReplayRequest {
  /** Idempotency key; empty for none. */
  readonly requestId: string;
  readonly waitMs: number;
  /** Chosen by whoever may have to ask again; a new one when left out. */
  readonly runId?: string;
  /** Name of the step to begin at; empty for the first. */
  readonly fromStep?: string;
  /** Of the workflow's newest version instead of the run's own. */
  readonly newestVersion?: boolean;
  /** Another event; empty for the run's own. */
  readonly eventJson?: string;
}

/** Starts runs for callers of the API. */
export class RunStarter {
  readonly #options: RunStarterOptions;

  constructor(options: RunStarterOptions) {
    this.#options = options;
  }

  /** Starts a run of a workflow's newest version. */
  async create(idOrName: string, request: CreateRequest, waitMs: number, context: StartContext): Promise<StartedRun> {
    const workflow = this.#enabledWorkflow(context.principal.projectId, idOrName);
    const start: ApiStart = {
      spec: deployedSpec(workflow),
      eventJson: await checkedEvent(request.eventJson),
      fallsBackToBody: false,
      triggerKind: "api",
      priority: checkedPriority(request.priority),
    };
    return this.#submit(workflow, start, request.requestId, waitMs, context);
  }

  /** Starts a run with the event and the version of an earlier one, as far as the request says nothing else. */
  async replay(original: RunRecord, replay: ReplayRequest, context: ApiContext): Promise<StartedRun> {
    const { requestId, waitMs, runId, fromStep = "", newestVersion = false, eventJson = "" } = replay;
    if (original.input.triggerKind === "test") {
      const message = "a test of a draft is no run to replay; test the draft again with this run's event";
      throw new PlatformError("FailedPrecondition", "RUN_IS_TEST", message);
    }
    const workflow = this.#enabledWorkflow(context.principal.projectId, original.workflowId);
    const { request } = parseContext(original.input.contextJson);
    const spec = newestVersion ? deployedSpec(workflow) : original.spec;
    const start: ApiStart = {
      spec,
      eventJson: eventJson === "" ? Buffer.from(original.input.eventJson) : await checkedEvent(eventJson),
      fallsBackToBody: original.input.eventFallsBackToBody,
      requestJson: request === undefined ? undefined : JSON.stringify(request),
      triggerKind: "replay",
      replayOf: original.id,
      runId,
      ...(fromStep !== "" && { replayStep: fromStep, takenOver: takenOver(original, spec, fromStep) }),
    };
    return this.#submit(workflow, start, requestId, waitMs, context);
  }

  async #submit(
    workflow: WorkflowRecord,
    start: ApiStart,
    requestId: string,
    waitMs: number,
    context: StartContext,
  ): Promise<StartedRun> {
    if (!REQUEST_ID.test(requestId)) {
      throw new PlatformError(
        "InvalidArgument",
        "INVALID_REQUEST_ID",
        "request_id has at most 128 printable ASCII characters",
      );
    }
    const { tracer, origin, desk, gate, uploads } = this.#options;
    const header = context.header(TRACEPARENT_HEADER);
    const callerTrace = parseTraceparent(header)?.traceId;
    const traceId = callerTrace ?? createTraceId();
    const span = tracer.startSpan(spanNames.gatewayRequest, {
      parent: callerTrace === undefined ? undefined : header,
      traceId,
      attributes: { "rpc.method": context.method, "millrace.workflow.id": workflow.id },
    });
    const nowMs = Date.now();
    const wantsEnd = waitMs > 0;
    try {
      const trace = { traceId, traceParent: span.traceparent };
      const wants = { wantsAnswer: false, wantsEnd, idempotencyKey: requestId };
      const built = buildSubmit({ ...start, ...trace, ...wants, workflowName: workflow.name }, origin, nowMs);
      span.setAttributes({ "millrace.run.id": built.runId });
      const submit = await this.#options.results.keepAgain(built, workflow.projectId);
      if (start.triggerKind === "replay") await uploads.keepAgain(start.eventJson, workflow.projectId, submit.runId);
      const { runId } = await desk.submit(
        submit,
        wantsEnd ? { waitMs, signal: gate.signalOf(context.signal) } : undefined,
      );
      const isKnown = !wantsEnd && runId === submit.runId && start.triggerKind === "api";
      const facts = { triggerKind: start.triggerKind, traceId, createTimeMs: nowMs, priority: submit.priority };
      return { runId, workflowId: workflow.id, accepted: isKnown ? toAcceptedRun(runId, workflow, facts) : undefined };
    } catch (thrown) {
      span.fail(thrown instanceof PlatformError ? thrown.reason : "INTERNAL");
      throw thrown;
    } finally {
      span.end();
    }
  }

  #enabledWorkflow(projectId: string, idOrName: string): WorkflowRecord {
    const workflow = this.#options.cache.findWorkflow(projectId, idOrName);
    if (workflow === undefined) {
      throw new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `there is no workflow ${JSON.stringify(idOrName)}`);
    }
    if (!workflow.enabled) {
      throw new PlatformError("FailedPrecondition", "WORKFLOW_DISABLED", `"${workflow.name}" is disabled`);
    }
    return workflow;
  }
}

function deployedSpec({ name, version }: WorkflowRecord): RunSpec {
  if (version !== null) return version.spec;
  const message = `"${name}" has no version yet; deploy one first`;
  throw new PlatformError("FailedPrecondition", "WORKFLOW_NOT_DEPLOYED", message);
}

/** What stands for the steps above the one that a replay begins at. */
function takenOver(original: RunRecord, spec: RunSpec, fromStep: string): readonly StepResult[] {
  const steps = original.steps.map(({ state, result }) =>
    state === "SUCCEEDED" && result !== null ? result : undefined,
  );
  const outcome = takeOver({ runId: original.id, spec: original.spec, steps }, spec, fromStep);
  if ("taken" in outcome) return outcome.taken;
  if (outcome.refused === "STEP_NOT_FOUND") {
    const message = `the version has no step ${JSON.stringify(fromStep.slice(0, 100))}`;
    throw new PlatformError("NotFound", outcome.refused, message);
  }
  const message =
    outcome.refused === "STEP_NOT_DONE"
      ? `the step "${outcome.step}" did not end well in that run: there is nothing to take over; begin at it or above it`
      : `the newest version has "${outcome.step}" where that run had another step; begin at it or above it`;
  throw new PlatformError("FailedPrecondition", outcome.refused, message);
}

function checkedPriority(priority: number | undefined): number | undefined {
  if (priority === undefined || (priority >= PRIORITY_MIN && priority <= PRIORITY_MAX)) return priority;
  const message = `priority is a whole number from ${PRIORITY_MIN} to ${PRIORITY_MAX}`;
  throw new PlatformError("InvalidArgument", "INVALID_PRIORITY", message);
}

/** Large events are looked at a slice at a time. */
async function checkedEvent(eventJson: string): Promise<Buffer> {
  const text = eventJson === "" ? "{}" : eventJson;
  const bytes = Buffer.from(text);
  const isJson = isLargeBody(bytes) ? await isLargeJson(bytes) : checkJsonText(text);
  if (!isJson) throw new PlatformError("InvalidArgument", "INVALID_EVENT", "event_json is not JSON");
  return bytes;
}
