import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { coerceError, PlatformError } from "@millrace/core";
import type { Logger } from "@millrace/telemetry";
import type { FileDoor } from "../files/file-door.ts";
import type { LinkDoor } from "../links/link-door.ts";
import type { RestDoor } from "../rest/rest-door.ts";
import { readCertificate, watchCertificate, type CertificateFiles } from "./certificate.ts";
import { errorAnswer, jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import type { OauthDoor } from "./oauth-door.ts";
import { parseTarget, parseTriggerPath } from "./parse-target.ts";
import { RequestClock } from "./request-clock.ts";
import type { TriggerHandler } from "./trigger-handler.ts";
import type { WebApp } from "./web-app.ts";
import { isForeignWorkerScript } from "./worker-scripts.ts";
import { writeAnswer } from "./write-answer.ts";

/** Most headers of one request; more are not read. */
const HEADERS_MAX = 200;
const KEEP_ALIVE_MS = 65_000;
const HEADERS_TIMEOUT_MAX_MS = 20_000;

export interface HttpDoorOptions {
  readonly host: string;
  readonly port: number;
  readonly headerLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly uploadTimeoutMs: number;
  readonly connectionsMax: number;
  /** Where its certificate is; without one a proxy in front of it is to speak TLS. */
  readonly certificate: CertificateFiles | undefined;
  readonly triggers: TriggerHandler;
  readonly oauth: OauthDoor;
  readonly links: LinkDoor;
  readonly files: FileDoor;
  readonly rest: RestDoor;
  readonly web: WebApp;
  /** What `/.well-known/millrace` answers. */
  readonly describe: () => object;
  /** Told of every answer when it is over. */
  readonly answered: (status: number, ms: number) => void;
  readonly log: Logger;
}

/** The HTTP port: triggers, the API, where to find its gRPC port, and the web app. */
export class HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #server: Server | TlsServer;
  readonly #clock: RequestClock;
  #unwatch: () => void = () => {};
  #draining = false;
  #open = 0;
  #idle: (() => void) | undefined;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#server = this.#createServer({
      maxHeaderSize: options.headerLimitBytes,
      requestTimeout: Math.max(options.requestTimeoutMs, options.uploadTimeoutMs),
      headersTimeout: Math.min(HEADERS_TIMEOUT_MAX_MS, options.requestTimeoutMs),
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    });
    this.#server.maxHeadersCount = HEADERS_MAX;
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on("clientError", (error, socket) => answerBrokenRequest(error, socket as Socket));
    this.#clock = new RequestClock(options.requestTimeoutMs, ({ socket }) => answerBrokenRequest(LATE, socket));
  }

  #createServer(limits: ServerOptions): Server | TlsServer {
    const { certificate, log } = this.#options;
    const receive = (request: IncomingMessage, response: ServerResponse): void => this.#receive(request, response);
    if (certificate === undefined) return createServer(limits, receive);
    const server = createTlsServer({ ...limits, ...readCertificate(certificate) }, receive);
    this.#unwatch = watchCertificate(certificate, log, (pair) => server.setSecureContext(pair));
    return server;
  }

  /** Listens; returns the port. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => reject(portError(host, port, cause)));
      this.#server.listen({ host, port, backlog: 1024 }, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /** Takes no further requests and resolves when those under way are answered, or when the time is over. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#unwatch();
    this.#server.close();
    this.#server.closeIdleConnections();
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#server.closeAllConnections();
    this.#clock.stop();
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    this.#open++;
    const begun = performance.now();
    this.#clock.begin(request, begun);
    response.on("close", () => {
      this.#clock.answered(request);
      this.#options.answered(response.statusCode, performance.now() - begun);
      this.#open--;
      if (this.#open === 0) this.#idle?.();
    });
    // Without a listener, a connection that breaks while a body is being sent would end the process.
    response.on("error", () => {});
    if (this.#draining) response.shouldKeepAlive = false;
    this.#route(request, response).catch((thrown: unknown) => {
      this.#options.log.error("http.failed", { error: coerceError(thrown) });
      response.destroy();
    });
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parseTarget(request.url ?? "/");
    if (isForeignWorkerScript(request, target.path)) return refuseWorker(request, response);
    const place = parseTriggerPath(target.path);
    if (place !== undefined) return this.#options.triggers.handle(request, response, target, place);
    if (this.#options.rest.takes(target.path)) return this.#options.rest.handle(request, response, target, this.#clock);
    if (this.#options.links.takes(target.path)) return this.#options.links.handle(request, response, target);
    if (this.#options.files.takes(target.path)) return this.#options.files.handle(request, response, target.path);
    if (this.#options.oauth.takes(target.path)) return this.#options.oauth.handle(request, response, target);
    request.resume();
    writeAnswer(request, response, await this.#page(request, target.path));
  }

  async #page(request: IncomingMessage, path: string): Promise<HttpAnswer> {
    if (path === "/.well-known/millrace") return jsonAnswer(200, this.#options.describe());
    const answer = await this.#options.web.answer(request, path);
    return answer ?? errorAnswer(404, "NOT_FOUND", "there is nothing here; triggers are below /t/");
  }
}

function refuseWorker(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  writeAnswer(request, response, errorAnswer(403, "WORKER_REFUSED", "nothing here may become a worker of the house"));
}

/** What never became a request: too large, too slow or not HTTP. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text, reason] = BROKEN[error.code ?? ""] ?? [400, "Bad Request", "BAD_REQUEST"];
  const message = status === 408 ? "the request did not arrive in time" : "the request cannot be read";
  const body = `${JSON.stringify({ error: { reason, message } })}\n`;
  const head = [
    `HTTP/1.1 ${status} ${text}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

const BROKEN: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "REQUEST_TIMEOUT"],
};

/** What Node says of a request that did not come in time. */
const LATE = Object.assign(new Error("the request did not arrive in time"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

function portError(host: string, port: number, cause: NodeJS.ErrnoException): PlatformError {
  const metadata = { setting: "MILLRACE_HTTP_PORT", port: String(port) };
  if (cause.code === "EADDRINUSE") {
    const message = `port ${port} on ${host} is taken; choose another with --http-port`;
    return new PlatformError("Unavailable", "PORT_TAKEN", message, { cause, metadata });
  }
  return new PlatformError("Unavailable", "PORT_FAILED", `cannot listen on ${host}:${port}: ${cause.message}`, {
    cause,
    metadata,
  });
}
