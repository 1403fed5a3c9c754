import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How a worker process is started. */
export interface WorkerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a worker process ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  readonly error: Error | undefined;
}

/** One start of a Python worker. */
export class WorkerProcess {
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  #ended = false;

  constructor(command: WorkerCommand, onLine: (line: string) => void) {
    // A process group of its own: Ctrl-C in a terminal reaches the runner alone, which lets runs finish first.
    this.#child = spawn(command.command, command.args, {
      env: { ...command.env },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    createInterface({ input: this.#child.stderr! }).on("line", onLine);
    this.exited = new Promise<WorkerExit>((resolve) => {
      this.#child.once("error", (error) => resolve({ code: null, signal: null, error }));
      this.#child.once("exit", (code, signal) => resolve({ code, signal, error: undefined }));
    }).finally(() => {
      this.#ended = true;
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Signals the process unless it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }
}
