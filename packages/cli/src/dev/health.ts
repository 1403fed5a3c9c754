import { get } from "node:http";

const timeoutMs = 1_000;
const answerMaxBytes = 1024 * 1024;

/** Whether a process says on its health port that it is ready. */
export async function isReadyOverHttp(port: number): Promise<boolean> {
  return (await ask(port, "/readyz"))?.status === 200;
}

/** A worker, as its runner reports it. */
export interface WorkerStatus {
  readonly pid: number;
  readonly ready: boolean;
}

/** The workers of the runner with this health port; none while the runner is down. */
export async function readWorkers(port: number): Promise<readonly WorkerStatus[]> {
  try {
    const { workers } = JSON.parse((await ask(port, "/status"))?.body ?? "{}") as { workers?: readonly WorkerStatus[] };
    return workers ?? [];
  } catch {
    return [];
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
