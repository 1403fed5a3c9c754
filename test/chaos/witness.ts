import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** One execution of a step, told by the step itself when it began. */
export interface Execution {
  readonly run: string;
  /** Index of the step in its workflow. */
  readonly step: number;
  /** Unique for each execution; the step returns it, so that history names the execution that was kept. */
  readonly token: string;
  /** Token that this execution found in the exports of the step before; null in the first step. */
  readonly before: string | null;
}

/** A server outside of the house, to which steps tell what they do as JSON. */
export class Listener {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    const { address, port } = server.address() as AddressInfo;
    this.#server = server;
    this.url = `http://${address}:${port}/`;
  }

  static async start<T>(hear: (told: T, from: IncomingMessage) => void, address = "127.0.0.1"): Promise<Listener> {
    const server = createServer((request, response) => {
      text(request).then(
        (told) => {
          hear(JSON.parse(told) as T, request);
          response.end();
        },
        // A step that is killed while it tells has begun all the same, but its text may be cut.
        () => response.destroy(),
      );
    }).listen(0, address);
    await once(server, "listening");
    return new Listener(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Source of a step that makes a token, does something, and returns the token; `tell()` tells a listener of this execution. */
export function tellingStep(url: string, index: number, about: Readonly<Record<string, string>>, body: string): string {
  return `
import json
import time
import urllib.request
import uuid


def handler(pd):
    token = uuid.uuid4().hex
    before = pd.steps["step-${index - 1}"]["$return_value"]["token"] if ${index} > 0 else None
    run = pd.steps["trigger"]["context"]["id"]
    execution = {**${JSON.stringify(about)}, "run": run, "step": ${index}, "token": token, "before": before}
    told = json.dumps(execution).encode()

    def tell():
        urllib.request.urlopen("${url}", data=told, timeout=10).read()

${body.replaceAll(/^/gm, "    ")}
    return {"token": token}
`;
}

/** Sees from outside of the house which steps were executed, in the order in which they began. */
export class Witness {
  readonly executions: readonly Execution[];
  readonly #listener: Listener;

  private constructor(executions: readonly Execution[], listener: Listener) {
    this.executions = executions;
    this.#listener = listener;
  }

  static async start(): Promise<Witness> {
    const executions: Execution[] = [];
    return new Witness(executions, await Listener.start((told: Execution) => executions.push(told)));
  }

  /** Source of a step that tells this witness, works for a while and returns its token. */
  stepSource(index: number, workMs: number): string {
    const body = `tell()\nprint("token", token)\ntime.sleep(${workMs / 1000})`;
    return tellingStep(this.#listener.url, index, {}, body);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}
