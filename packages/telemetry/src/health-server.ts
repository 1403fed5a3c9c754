import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PlatformError, coerceError } from "@millrace/core";
import type { Metrics } from "./metrics.ts";

/** Says why a process cannot do its work now; undefined when it can. */
export type ReadyCheck = () => string | undefined | Promise<string | undefined>;

export interface HealthOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** By name; ready when every one of them is. */
  checks: Readonly<Record<string, ReadyCheck>>;
  /** What `/status` answers. Default: nothing but the readiness. */
  status?: () => unknown;
  metrics?: Metrics;
  /** For all checks together. Default 2,000. */
  checkTimeoutMs?: number;
}

/** Tells supervisors and probes how a process is: `/livez`, `/readyz`, `/status`, `/metrics`. */
export interface HealthServer {
  readonly port: number;
  /** From now on not ready, whatever the checks say: a stop has begun. */
  drain(): void;
  close(): Promise<void>;
}

/** Starts the health server. It listens before the process is ready, so that a probe gets a reason instead of a refusal. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  let draining = false;
  const server = createServer((request, response) => {
    void respond(request, response, options, draining).catch((thrown: unknown) => {
      send(response, 500, "text/plain", `${coerceError(thrown).message}\n`);
    });
  });
  server.keepAliveTimeout = 5_000;
  await listen(server, options.port, options.host ?? "127.0.0.1");
  return {
    port: (server.address() as AddressInfo).port,
    drain: () => {
      draining = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "PORT_TAKEN" : "HEALTH_PORT_FAILED";
      const metadata = { setting: "MILLRACE_HEALTH_PORT", port: String(port) };
      reject(
        new PlatformError("Unavailable", reason, `the health port ${host}:${port} cannot be used: ${cause.message}`, {
          cause,
          metadata,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthOptions,
  draining: boolean,
): Promise<void> {
  const path = request.url?.split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "text/plain", "only GET\n");
  if (path === "/livez") return send(response, 200, "text/plain", "ok\n");
  if (path === "/metrics") return send(response, 200, "text/plain; version=0.0.4", options.metrics?.render() ?? "");
  if (path === "/readyz") return sendReadiness(response, await readiness(options, draining));
  if (path === "/status") {
    const found = await readiness(options, draining);
    const status = options.status?.() as Record<string, unknown> | undefined;
    return send(response, 200, "application/json", `${JSON.stringify({ ...found, ...status })}\n`);
  }
  send(response, 404, "text/plain", "there are /livez, /readyz, /status and /metrics\n");
}

interface Readiness {
  ready: boolean;
  /** Why not, by the name of the check. */
  problems: Record<string, string>;
}

async function readiness(options: HealthOptions, draining: boolean): Promise<Readiness> {
  const problems: Record<string, string> = draining ? { process: "draining" } : {};
  const timeoutMs = options.checkTimeoutMs ?? 2_000;
  await Promise.all(
    Object.entries(options.checks).map(async ([name, check]) => {
      const problem = await withTimeout(check, timeoutMs);
      if (problem !== undefined) problems[name] = problem;
    }),
  );
  return { ready: Object.keys(problems).length === 0, problems };
}

async function withTimeout(check: ReadyCheck, timeoutMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>(
    (resolve) => (timer = setTimeout(resolve, timeoutMs, `no answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([check(), late]);
  } catch (thrown) {
    return coerceError(thrown).message;
  } finally {
    clearTimeout(timer);
  }
}

function sendReadiness(response: ServerResponse, found: Readiness): void {
  send(response, found.ready ? 200 : 503, "application/json", `${JSON.stringify(found)}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}
