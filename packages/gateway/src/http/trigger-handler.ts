import type { IncomingMessage, ServerResponse } from "node:http";
import { coerceError, payloadSize, type Admission, type Admitted, type PlatformError } from "@millrace/core";
import {
  createTraceId,
  parseTraceparent,
  spanNames,
  TRACEPARENT_HEADER,
  type Logger,
  type Span,
  type Tracer,
} from "@millrace/telemetry";
import type { DefinitionCache, LiveTrigger } from "../definitions/definition-cache.ts";
import type { Payloads } from "../payloads/payloads.ts";
import type { ReceivedUpload, UploadDoor } from "../files/upload-door.ts";
import { buildSubmit, type SubmitOrigin } from "../runs/build-submit.ts";
import type { Patience, RunDesk, RunOutcome } from "../runs/run-desk.ts";
import { buildHttpEvent, type TriggerRequest } from "./build-event.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { decodeLargeBody, isLargeBody } from "./decode-body.ts";
import type { TestAddresses } from "../drafts/test-address.ts";
import { clientIpOf } from "./client-ip.ts";
import { httpStatusOf } from "./http-status.ts";
import {
  acceptedAnswer,
  errorAnswer,
  jsonAnswer,
  noAnswer,
  platformAnswer,
  staticAnswer,
  stepAnswer,
  streamHead,
  type HttpAnswer,
} from "./http-answer.ts";
import type { RequestTarget, TriggerTarget } from "./parse-target.ts";
import { answerPreflight, isPreflight } from "./preflight.ts";
import { readBody } from "./read-body.ts";
import { beginAnswer, writeAnswer, writeFinalAnswer } from "./write-answer.ts";

export interface TriggerHandlerOptions {
  readonly cache: DefinitionCache;
  readonly desk: RunDesk;
  readonly payloads: Payloads;
  readonly origin: SubmitOrigin;
  readonly tracer: Tracer;
  readonly log: Logger;
  readonly publicUrl: () => string;
  readonly bodyLimitBytes: number;
  readonly budget: ByteBudget;
  readonly uploads: UploadDoor;
  readonly waitMs: number;
  /** Bounds those who wait for a workflow's answer. */
  readonly admission: Admission;
  readonly trustedProxies: number;
  /** Addresses that take requests to test drafts with. */
  readonly tests: TestAddresses;
}

/** Most bytes of a request to test with. */
const TEST_BODY_BYTES_MAX = 512 * 1024;

/** Turns requests to `/t/<endpoint>/…` into runs, and what becomes of them into answers. */
export class TriggerHandler {
  readonly #options: TriggerHandlerOptions;

  constructor(options: TriggerHandlerOptions) {
    this.#options = options;
  }

  /** Handles one request to its end; never throws. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    place: TriggerTarget,
  ): Promise<void> {
    const trigger = this.#options.cache.findTrigger(place.endpoint);
    const draftId = trigger === undefined ? this.#options.tests.draftOf(place.endpoint) : undefined;
    if (draftId !== undefined) return this.#capture(request, response, target, place, draftId);
    if (trigger === undefined) {
      const message = "no trigger answers at this address, or its workflow is disabled";
      return writeAnswerUnread(request, response, errorAnswer(404, "TRIGGER_NOT_FOUND", message));
    }
    if (isPreflight(request)) return answerPreflight(request, response);
    let admitted: Admitted | undefined;
    try {
      admitted = this.#admit(trigger);
    } catch (thrown) {
      const error = coerceError(thrown);
      return writeAnswerUnread(request, response, platformAnswer(error, httpStatusOf(error)));
    }
    try {
      const body = await this.#readBody(request, response, trigger);
      const [content, upload] = Buffer.isBuffer(body) ? [body, undefined] : [body.body, body];
      const large = Buffer.isBuffer(content) && isLargeBody(content);
      const ready = large ? await decodeLargeBody(content, request.headers["content-type"]) : content;
      await this.#run(request, response, trigger, this.#describe(request, target, place, ready), upload, admitted);
    } catch (thrown) {
      this.#fail(request, response, coerceError(thrown));
    } finally {
      if (admitted !== undefined) this.#options.admission.leave(admitted, performance.now());
    }
  }

  /** Whoever waits for the workflow's answer has nothing of a run that is too late; who only hands a run in has a queue for it. */
  #admit({ http, workflow }: LiveTrigger): Admitted | undefined {
    if (http.respond !== "workflow") return undefined;
    return this.#options.admission.enter(workflow.id, performance.now());
  }

  /** A request to a draft's test address: its event is kept, and nothing runs. */
  async #capture(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    place: TriggerTarget,
    draftId: string,
  ): Promise<void> {
    if (isPreflight(request)) return answerPreflight(request, response);
    const { budget, bodyLimitBytes, tests } = this.#options;
    let held = 0;
    response.once("close", () => budget.give(held));
    try {
      const body = await readBody(request, Math.min(bodyLimitBytes, TEST_BODY_BYTES_MAX), (count) => {
        budget.take(count);
        held += count;
      });
      const { eventJson } = buildHttpEvent(this.#describe(request, target, place, body), "request");
      const kept = await tests.keep(draftId, Buffer.from(eventJson));
      const answer = kept
        ? jsonAnswer(200, { status: "kept" })
        : errorAnswer(404, "TRIGGER_NOT_FOUND", "no such draft");
      writeAnswer(request, response, answer);
    } catch (thrown) {
      this.#fail(request, response, coerceError(thrown));
    }
  }

  /** Reads the body; its bytes count until the answer is out or the client has gone. */
  #readBody(
    request: IncomingMessage,
    response: ServerResponse,
    { workflow }: LiveTrigger,
  ): Promise<Buffer | ReceivedUpload> {
    const { budget, bodyLimitBytes, uploads } = this.#options;
    let held = 0;
    response.once("close", () => budget.give(held));
    const hold = (count: number): void => {
      budget.take(count);
      held += count;
    };
    if (uploads.takes(request)) return uploads.read(request, workflow.projectId, hold);
    return readBody(request, bodyLimitBytes, hold);
  }

  #describe(
    request: IncomingMessage,
    target: RequestTarget,
    place: TriggerTarget,
    body: TriggerRequest["body"],
  ): TriggerRequest {
    const { publicUrl, trustedProxies } = this.#options;
    return {
      method: request.method ?? "GET",
      path: place.path,
      query: target.query,
      rawHeaders: request.rawHeaders,
      contentType: request.headers["content-type"],
      body,
      clientIp: clientIpOf(request, trustedProxies),
      url: `${publicUrl()}${target.path}${target.query === "" ? "" : `?${target.query}`}`,
    };
  }

  async #run(
    request: IncomingMessage,
    response: ServerResponse,
    trigger: LiveTrigger,
    described: TriggerRequest,
    upload: ReceivedUpload | undefined,
    admitted: Admitted | undefined,
  ): Promise<void> {
    const event = buildHttpEvent(described, trigger.http.event);
    const { span, traceId } = this.#startSpan(request);
    const wantsAnswer = trigger.http.respond === "workflow";
    let status = 500;
    try {
      const submit = buildSubmit(
        {
          spec: trigger.version.spec,
          workflowName: trigger.workflow.name,
          eventJson: Buffer.from(event.eventJson),
          fallsBackToBody: event.fallsBackToBody,
          requestJson: event.requestJson,
          triggerKind: "http",
          idempotencyKey: "",
          traceId,
          traceParent: span.traceparent,
          wantsAnswer,
          wantsEnd: false,
        },
        this.#options.origin,
        Date.now(),
      );
      span.setAttributes({ "millrace.run.id": submit.runId, "millrace.workflow.id": submit.spec.workflowId });
      if (upload !== undefined) await this.#options.uploads.keep(upload, trigger.workflow.projectId, submit.runId);
      if (admitted !== undefined) admitted.sinceMs = performance.now();
      const outcome = await this.#options.desk.submit(submit, wantsAnswer ? this.#patienceWith(response) : undefined);
      if (admitted !== undefined) admitted.busyMs = outcome.busyMs;
      const { stream, runId } = outcome;
      const large = outcome.answer?.bodyIsReference === true;
      const whole = large ? await this.#withBody(response, outcome) : outcome;
      const answer = stream === undefined ? answerOf(trigger, whole) : streamHead(stream, runId);
      status = answer.status;
      if (stream === undefined) writeAnswer(request, response, answer);
      else beginAnswer(request, response, answer, stream);
    } catch (thrown) {
      span.fail(coerceError(thrown).reason);
      throw thrown;
    } finally {
      span.setAttributes({ "http.response.status_code": status });
      span.end();
    }
  }

  /** Whoever waits for the workflow's answer does so for a while, and until it leaves. */
  #patienceWith(response: ServerResponse): Patience {
    const gone = new AbortController();
    response.once("close", () => {
      if (!response.writableEnded) gone.abort();
    });
    return { waitMs: this.#options.waitMs, signal: gone.signal };
  }

  /** An outcome with the large body of its answer, which counts until the client has it. */
  async #withBody(response: ServerResponse, outcome: RunOutcome): Promise<RunOutcome> {
    const { budget, payloads } = this.#options;
    const { answer, runId } = outcome;
    if (answer === undefined) return outcome;
    const bytes = payloadSize(answer.body);
    budget.take(bytes);
    response.once("close", () => budget.give(bytes));
    return { ...outcome, answer: await payloads.loadAnswer(runId, answer) };
  }

  /** The span of the request continues the caller's trace; a run has a trace id with tracing on or off. */
  #startSpan(request: IncomingMessage): { span: Span; traceId: string } {
    const header = request.headers[TRACEPARENT_HEADER];
    const parent = typeof header === "string" ? header : undefined;
    const traceId = parseTraceparent(parent)?.traceId;
    const fresh = traceId ?? createTraceId();
    const span = this.#options.tracer.startSpan(spanNames.gatewayRequest, {
      parent: traceId === undefined ? undefined : parent,
      traceId: fresh,
      attributes: { "http.request.method": request.method ?? "GET" },
    });
    return { span, traceId: fresh };
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: PlatformError): void {
    if (error.reason === "REQUEST_ABORTED") {
      response.destroy();
      return;
    }
    if (error.kind === "Internal") this.#options.log.error("trigger.failed", { error });
    const answer = platformAnswer(error, httpStatusOf(error));
    if (request.complete) writeAnswer(request, response, answer);
    else writeFinalAnswer(request, response, answer);
  }
}

function answerOf({ http }: LiveTrigger, { runId, answer, state }: RunOutcome): HttpAnswer {
  if (http.respond === "static" && http.response !== undefined) return staticAnswer(http.response, runId);
  if (http.respond !== "workflow") return acceptedAnswer(runId);
  if (answer !== undefined) return stepAnswer(answer, runId);
  if (state === undefined) return noAnswer("WAIT_OVER", runId);
  if (state === "SUSPENDED") return noAnswer("RUN_PAUSED", runId);
  if (state === "FAILED") return noAnswer("RUN_FAILED", runId);
  return noAnswer(state === "CANCELLED" ? "RUN_CANCELLED" : "NO_RESPONSE", runId);
}

/** Bytes of a body that are read and thrown away rather than that the connection is given up. */
const SMALL_BODY_BYTES = 16 * 1024;

/** A request that is turned away without its body being looked at keeps its connection only when that is small. */
function writeAnswerUnread(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  const { headers } = request;
  const isSmall =
    headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= SMALL_BODY_BYTES;
  if (!isSmall) return writeFinalAnswer(request, response, answer);
  request.resume();
  writeAnswer(request, response, answer);
}
