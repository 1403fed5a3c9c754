import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { environmentOf, pidOf } from "../../harness/extra-process.ts";
import type { TestHouse } from "../../harness/test-house.ts";
import type { FleetPlan, FleetWork } from "./fleet.ts";

/** The pool of the simulated runners, in which no real one is. */
export const POOL = "fleet";

/** The process that plays runners and a gateway. */
export class FleetProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(house: TestHouse, size: Pick<FleetPlan, "runners" | "slots" | "partitions">) {
    const { token } = await house.cliJson<{ token: string }>(["runners", "join-token", "--pool", POOL]);
    const dataFolder = join(house.data, "fleet");
    await mkdir(dataFolder);
    const plan = { ...size, pool: POOL, dataFolder, gatewayCredentialsFile: join(house.data, "gateway.creds") };
    const env = { ...(await environmentOf(await pidOf(house, "runner"))), MILLRACE_JOIN_TOKEN: token };
    const child = fork(join(import.meta.dirname, "fleet.ts"), [JSON.stringify(plan)], {
      env: { ...env, MILLRACE_POOL: POOL, MILLRACE_JOIN_TOKEN_FILE: "" },
    });
    const fleet = new FleetProcess(child);
    await fleet.#heard();
    return fleet;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Has runs placed; resolves to the seconds that it took. */
  async play(work: FleetWork): Promise<number> {
    this.#child.send(work);
    return (await this.#heard()).seconds;
  }

  async #heard(): Promise<{ seconds: number }> {
    const [answer] = (await Promise.race([
      once(this.#child, "message"),
      once(this.#child, "exit").then(() => assert.fail("the fleet has ended")),
    ])) as [{ seconds: number }];
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }
}
