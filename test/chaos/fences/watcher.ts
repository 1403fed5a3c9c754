import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Execution } from "../witness.ts";

/** One execution of a step, with the times at which it was last seen alive from outside. */
export interface WatchedExecution extends Execution {
  readonly workflow: string;
  readonly beganMs: number;
  aliveMs: number;
}

/** How often a step says that it is alive. */
export const ALIVE_EVERY_MS = 50;

/** Watches from outside of the house which environments execute, and for how long: they say so all the time. */
export class Watcher {
  readonly executions: WatchedExecution[] = [];
  readonly #byToken = new Map<string, WatchedExecution>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("error", () => response.destroy());
      request.on("end", () => {
        this.#hear(Buffer.concat(chunks).toString());
        response.end();
      });
    });
  }

  #hear(text: string): void {
    const told = JSON.parse(text) as Execution & { workflow: string };
    const known = this.#byToken.get(told.token);
    const nowMs = performance.now();
    if (known) return void (known.aliveMs = nowMs);
    const execution = { ...told, beganMs: nowMs, aliveMs: nowMs };
    this.#byToken.set(told.token, execution);
    this.executions.push(execution);
  }

  static async start(): Promise<Watcher> {
    const watcher = new Watcher();
    watcher.#server.listen(0, "127.0.0.1");
    await once(watcher.#server, "listening");
    return watcher;
  }

  /** Source of a step that works for a while, keeps its token in the data store of its run and returns it. */
  stepSource(workflow: string, index: number, workMs: number): string {
    const { port } = this.#server.address() as AddressInfo;
    return `
import json
import time
import urllib.request
import uuid


def handler(pd):
    token = uuid.uuid4().hex
    before = pd.steps["step-${index - 1}"]["$return_value"]["token"] if ${index} > 0 else None
    run = pd.steps["trigger"]["context"]["id"]
    told = json.dumps(
        {"workflow": "${workflow}", "run": run, "step": ${index}, "token": token, "before": before}
    ).encode()
    end = time.monotonic() + ${workMs / 1000}
    while time.monotonic() < end:
        urllib.request.urlopen("http://127.0.0.1:${port}/", data=told, timeout=10).read()
        time.sleep(${ALIVE_EVERY_MS / 1000})
    pd.inputs["data_store"][f"{run}/${index}"] = token
    return {"token": token}
`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
