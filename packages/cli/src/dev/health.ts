import { get } from "node:http";

const timeoutMs = 1_000;
const answerMaxBytes = 1024 * 1024;

/** Whether a process says on its health port that it is ready. */
export async function isReadyOverHttp(port: number): Promise<boolean> {
  return (await ask(port, "/readyz"))?.status === 200;
}

/** Whether a process that was told to close its doors has done so. */
export async function areDoorsClosed(port: number): Promise<boolean> {
  return (await readStatusOf<{ doors?: string }>(port))?.doors === "closed";
}

/** A worker, as its runner reports it. */
export interface WorkerStatus {
  readonly pid: number;
  readonly ready: boolean;
}

/** The workers of the runner with this health port; none while the runner is down. */
export async function readWorkers(port: number): Promise<readonly WorkerStatus[]> {
  return (await readStatusOf<{ workers?: readonly WorkerStatus[] }>(port))?.workers ?? [];
}

async function readStatusOf<Status>(port: number): Promise<Status | undefined> {
  try {
    return JSON.parse((await ask(port, "/status"))?.body ?? "{}") as Status;
  } catch {
    return undefined;
  }
}

/** Plain `http` on purpose: while a house starts this is asked often, and `fetch` takes ten times as long. */
function ask(port: number, path: string): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: timeoutMs }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
        if (body.length > answerMaxBytes) {
          request.destroy();
        }
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.once("close", () => resolve(undefined));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(undefined));
  });
}
