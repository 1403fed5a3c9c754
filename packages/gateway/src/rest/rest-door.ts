import type { IncomingMessage, ServerResponse } from "node:http";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { coerceError, PlatformError } from "@millrace/core";
import { bearerOf, REQUEST_ID_HEADER, requestIdOf, type CallCredentials, type ServiceBinding } from "@millrace/rpc";
import type { Logger } from "@millrace/telemetry";
import type { ApiCaller, ApiContext } from "../api/api-caller.ts";
import type { ByteBudget } from "../http/byte-budget.ts";
import { clientIpOf } from "../http/client-ip.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import type { RequestTarget } from "../http/parse-target.ts";
import { readBody } from "../http/read-body.ts";
import type { RequestClock } from "../http/request-clock.ts";
import { writeAnswer, writeFinalAnswer } from "../http/write-answer.ts";
import { readContract, type RestContract, type RestMethod } from "./contract.ts";
import type { CorsPolicy } from "./cors-policy.ts";
import { etagOfHeader, etagOfMessage } from "./etags.ts";
import { EventStream, type StreamEvent } from "./event-stream.ts";
import { openApiDocument } from "./openapi.ts";
import { uploadMessages, writeContent } from "./raw-content.ts";
import { readRequest } from "./read-request.ts";
import { restAnswer, restFailure } from "./rest-answer.ts";
import { isEventStream, RouteTable, type Route } from "./route-table.ts";
import type { SessionCookies } from "./session-cookies.ts";

const PREFIX = "/api/";
const DOCUMENT = "/api/v1/openapi.json";
const JSON_TYPE = /^application\/json *(; *charset="?utf-8"? *)?$/i;
const GZIP_FROM_BYTES = 2_048;
const compress = promisify(gzip);

export interface RestDoorOptions {
  readonly services: readonly ServiceBinding<ApiCaller>[];
  readonly authenticate: (credentials: CallCredentials) => ApiCaller | Promise<ApiCaller>;
  readonly cookies: SessionCookies;
  readonly trustedProxies: number;
  readonly cors: CorsPolicy;
  readonly budget: ByteBudget;
  readonly bodyBytesMax: number;
  readonly deadlineMs: number;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  readonly version: string;
  readonly log: Logger;
}

/** One call over HTTP, on its way. */
interface Call extends Route {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RequestTarget;
  readonly clock: Pick<RequestClock, "prolong">;
  readonly context: ApiContext;
}

/** The API as HTTP/JSON: finds the method, says who calls, and hands the call to the handler that gRPC calls, too. */
export class RestDoor {
  readonly #options: RestDoorOptions;
  #contract: RestContract | undefined;
  #routes: RouteTable | undefined;
  #document: Buffer | undefined;

  constructor(options: RestDoorOptions) {
    this.#options = options;
  }

  /** True for what is below `/api/`. */
  takes(path: string): boolean {
    return path.startsWith(PREFIX);
  }

  /** Handles one request to its end; never throws. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    clock: Pick<RequestClock, "prolong">,
  ): Promise<void> {
    const requestId = requestIdOf(headerOf(request, REQUEST_ID_HEADER));
    const gone = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished)
        gone.abort(new PlatformError("Cancelled", "CALL_CANCELLED", "the caller is gone"));
    });
    for (const [name, value] of this.#options.cors.headersFor(request)) response.setHeader(name, value);
    try {
      if (request.method === "OPTIONS") return this.#answerOptions(request, response, target);
      if (target.path === DOCUMENT) return await this.#answerDocument(request, response);
      await this.#call({ request, response, target, clock }, requestId, gone.signal);
    } catch (thrown) {
      this.#fail(request, response, coerceError(thrown), requestId, target.path);
    }
  }

  async #call(
    given: Pick<Call, "request" | "response" | "target" | "clock">,
    requestId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { request, response, target } = given;
    const route = this.#routeOf(request, target.path);
    const { path } = route.method.definition;
    const bearer = bearerOf(request.headers.authorization) ?? this.#options.cookies.tokenOf(request);
    const header = (name: string): string | undefined => headerOf(request, name);
    const principal = await this.#options.authenticate({ bearer, method: path, header });
    if (request.headers.authorization === undefined) this.#options.cookies.assertSameSite(request);
    const peer = clientIpOf(request, this.#options.trustedProxies);
    const context: ApiContext = { principal, requestId, method: path, signal, header, bearer, peer };
    const call: Call = { ...route, ...given, context };
    if (route.method.definition.requestStream) return this.#upload(call);
    const message = await this.#read(call);
    if (!route.method.definition.responseStream) return this.#answer(call, await this.#unary(call, message));
    if (isEventStream(route.method, route.rule)) return this.#stream(call, message);
    const items = this.#invoke(call, message) as AsyncIterable<never>;
    const headers = [REQUEST_ID_HEADER, requestId];
    const isHead = request.method === "HEAD";
    await writeContent(response, items, { headers, isHead, stallMs: this.#options.stallMs, signal });
  }

  /** HEAD asks what GET would answer. */
  #routeOf({ method = "GET" }: IncomingMessage, path: string): Route {
    const routes = this.#table();
    if (method !== "HEAD") return routes.find(method, path);
    if (routes.allowed(path).includes("HEAD")) return routes.find("GET", path);
    return routes.find(method, path);
  }

  async #read({ request, response, method, rule, fields, target }: Call): Promise<Buffer> {
    const { budget, bodyBytesMax } = this.#options;
    let held = 0;
    response.once("close", () => budget.give(held));
    const body = await readBody(request, bodyBytesMax, (count) => {
      budget.take(count);
      held += count;
    });
    if (body.length > 0 && rule.body !== "" && !JSON_TYPE.test(request.headers["content-type"] ?? "")) {
      const message = "the body must be application/json in UTF-8";
      throw new PlatformError("InvalidArgument", "UNSUPPORTED_MEDIA_TYPE", message);
    }
    const extra = new Map<string, string>();
    const { input } = method.descriptor;
    const has = (name: string): boolean => input.fields.some((field) => field.name === name);
    const etag = etagOfHeader(headerOf(request, "if-match"));
    if (etag !== undefined && has("etag")) extra.set("etag", etag);
    const cursor = headerOf(request, "last-event-id");
    if (cursor !== undefined && cursor !== "" && has("cursor")) extra.set("cursor", cursor);
    const parts = { message: input, fields, query: target.query, bodyField: rule.body, body, extra };
    return Buffer.from(readRequest(parts, this.#loaded().registry));
  }

  #invoke({ method, context }: Call, message: Buffer): unknown {
    return method.handler(method.definition.requestDeserialize(message) as never, context as never);
  }

  /** Bounded in time, however long the handler would wait. */
  async #unary(call: Call, message: Buffer): Promise<unknown> {
    const { deadlineMs } = this.#options;
    const { signal } = call.context;
    let finish = (): void => {};
    const over = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => {
        reject(new PlatformError("DeadlineExceeded", "DEADLINE_EXCEEDED", `no answer within ${deadlineMs} ms`));
      }, deadlineMs);
      const leave = (): void => reject(coerceError(signal.reason));
      signal.addEventListener("abort", leave, { once: true });
      finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
      };
    });
    try {
      return await Promise.race([this.#invoke(call, message), over]);
    } finally {
      finish();
    }
  }

  async #upload(call: Call): Promise<void> {
    // Who may upload is known by now.
    call.clock.prolong(call.request);
    const messages = uploadMessages(call.request, call.fields);
    this.#answer(call, await (call.method.handler(messages as never, call.context as never) as Promise<unknown>));
  }

  #stream(call: Call, message: Buffer): Promise<void> {
    const { context, response } = call;
    const { heartbeatMs, stallMs } = this.#options;
    const stream = new EventStream(
      response,
      [REQUEST_ID_HEADER, context.requestId],
      { heartbeatMs, stallMs },
      (error) => {
        this.#note(error, context.requestId, context.method);
        return restFailure(error, context.requestId).body.toString("utf8").trimEnd();
      },
    );
    return stream.write(this.#events(call, this.#invoke(call, message) as AsyncIterable<unknown>), context.signal);
  }

  async *#events({ method }: Call, items: AsyncIterable<unknown>): AsyncGenerator<StreamEvent> {
    for await (const item of items) {
      const { cursor = "" } = item as { cursor?: string };
      yield { json: JSON.stringify(this.#toJson(method, item)), cursor };
    }
  }

  #toJson({ definition, descriptor }: RestMethod, message: unknown): unknown {
    const { registry } = this.#loaded();
    const encoded = definition.responseSerialize(message as never);
    return toJson(descriptor.output, fromBinary(descriptor.output, encoded), { registry, alwaysEmitImplicit: true });
  }

  #answer({ request, response, method, context }: Call, message: unknown): void {
    const headers = [REQUEST_ID_HEADER, context.requestId];
    const { message: shown, setCookie } = this.#options.cookies.afterCall(context.method, message);
    if (setCookie !== undefined) headers.push("set-cookie", setCookie);
    const etag = etagOfMessage(shown);
    if (etag !== undefined) headers.push("etag", `"${etag}"`);
    if (request.method !== "GET" || etag === undefined || etagOfHeader(headerOf(request, "if-none-match")) !== etag) {
      return void this.#send(request, response, restAnswer(200, this.#toJson(method, shown), headers));
    }
    writeAnswer(request, response, { status: 304, headers, body: Buffer.alloc(0) });
  }

  /** Large answers are compressed for clients that take it. */
  async #send(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): Promise<void> {
    const takesGzip = /\bgzip\b/.test(headerOf(request, "accept-encoding") ?? "");
    if (!takesGzip || answer.body.length < GZIP_FROM_BYTES) return writeAnswer(request, response, answer);
    const body = await compress(answer.body, { level: 1 });
    const headers = [...answer.headers, "content-encoding", "gzip", "vary", "accept-encoding"];
    writeAnswer(request, response, { ...answer, headers, body });
  }

  #answerOptions(request: IncomingMessage, response: ServerResponse, { path }: RequestTarget): void {
    request.resume();
    const allow = path === DOCUMENT ? ["GET", "HEAD", "OPTIONS"] : this.#table().allowed(path);
    const headers = ["allow", allow.join(", "), ...this.#options.cors.preflightHeaders(request, allow)];
    writeAnswer(request, response, { status: 204, headers, body: Buffer.alloc(0) });
  }

  async #answerDocument(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      const metadata = { allow: "GET, HEAD, OPTIONS" };
      throw new PlatformError("InvalidArgument", "METHOD_NOT_ALLOWED", "only GET reads the document", { metadata });
    }
    this.#document ??= Buffer.from(JSON.stringify(openApiDocument(this.#loaded(), this.#options.version)));
    const headers = [
      "content-type",
      "application/json",
      "cache-control",
      "no-cache",
      "x-content-type-options",
      "nosniff",
    ];
    await this.#send(request, response, { status: 200, headers, body: this.#document });
  }

  #fail(
    request: IncomingMessage,
    response: ServerResponse,
    error: PlatformError,
    requestId: string,
    path: string,
  ): void {
    this.#note(error, requestId, path);
    if (response.headersSent || error.reason === "REQUEST_ABORTED") return void response.destroy();
    const answer = restFailure(error, requestId);
    if (request.complete || !hasBody(request)) writeAnswer(request, response, answer);
    else writeFinalAnswer(request, response, answer);
  }

  #note(error: PlatformError, requestId: string, method: string): void {
    if (error.kind === "Internal") this.#options.log.error("rpc.failed", { requestId, method, error });
  }

  /** Read at the first call: a house that nobody asks over HTTP does without. */
  #loaded(): RestContract {
    this.#contract ??= readContract(this.#options.services);
    return this.#contract;
  }

  #table(): RouteTable {
    this.#routes ??= new RouteTable(this.#loaded());
    return this.#routes;
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
