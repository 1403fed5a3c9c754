import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

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

/** Sees from outside of the house which steps were executed, in the order in which they began. */
export class Witness {
  readonly executions: Execution[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      // A step that is killed while it tells has begun all the same, but its text may be cut.
      request.on("error", () => response.destroy());
      request.on("end", () => {
        this.executions.push(JSON.parse(Buffer.concat(chunks).toString()) as Execution);
        response.end();
      });
    });
  }

  static async start(): Promise<Witness> {
    const witness = new Witness();
    witness.#server.listen(0, "127.0.0.1");
    await once(witness.#server, "listening");
    return witness;
  }

  /** Source of a step that tells this witness, works for a while and returns its token. */
  stepSource(index: number, workMs: number): string {
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
    told = json.dumps({"run": run, "step": ${index}, "token": token, "before": before}).encode()
    urllib.request.urlopen("http://127.0.0.1:${port}/", data=told, timeout=10).read()
    print("token", token)
    time.sleep(${workMs / 1000})
    return {"token": token}
`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
