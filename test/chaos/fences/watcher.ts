import { Listener, tellingStep, type Execution } from "../witness.ts";

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
  readonly executions: readonly WatchedExecution[];
  readonly #listener: Listener;

  private constructor(executions: readonly WatchedExecution[], listener: Listener) {
    this.executions = executions;
    this.#listener = listener;
  }

  static async start(): Promise<Watcher> {
    const executions: WatchedExecution[] = [];
    const listener = await Listener.start((told: Execution & { readonly workflow: string }) => {
      const nowMs = performance.now();
      const known = executions.find(({ token }) => token === told.token);
      if (known) known.aliveMs = nowMs;
      else executions.push({ ...told, beganMs: nowMs, aliveMs: nowMs });
    });
    return new Watcher(executions, listener);
  }

  /** Source of a step that works for a while, keeps its token in the data store of its run and returns it. */
  stepSource(workflow: string, index: number, workMs: number): string {
    const body = `end = time.monotonic() + ${workMs / 1000}
while time.monotonic() < end:
    tell()
    time.sleep(${ALIVE_EVERY_MS / 1000})
pd.inputs["data_store"][f"{run}/${index}"] = token`;
    return tellingStep(this.#listener.url, index, { workflow }, body);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}
