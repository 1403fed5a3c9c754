import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createInterface, type Interface } from "node:readline";

import { PlatformError } from "@millrace/core";

import type { WorkerCommand } from "../worker-host/worker-process.ts";
import { removeTree } from "./remove-tree.ts";

/** What bounds a build, and where it gets packages. */
export interface BuildSettings {
  /** The process that runs a build's sandbox. */
  readonly command: WorkerCommand;
  /** Index of packages; empty for what the machine's uv or pip is told. */
  readonly indexUrl: string;
  /** Mode of the sandbox's network, with the ranges that are let through and kept out beside what the mode says. */
  readonly network: string;
  readonly networkAllow: readonly string[];
  readonly networkDeny: readonly string[];
  /** Whether packages may come as source, which runs code of theirs. */
  readonly sdists: boolean;
  readonly memoryBytes: number;
  /** Most bytes on disk while it is built. */
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/** How far a build is. */
export interface BuildProgress {
  readonly stage: "WAITING" | "RESOLVING" | "DOWNLOADING" | "INSTALLING";
  readonly done: number;
  readonly total: number;
}

/** One thing to resolve, as a build takes it. */
export interface BuildRequirement {
  readonly requirement: string;
  readonly importName: string;
  readonly optional: boolean;
  readonly examine: boolean;
}

/** What came of resolving. */
export interface Resolution {
  readonly lock: string;
  readonly dropped: readonly { readonly requirement: string; readonly message: string }[];
}

interface Line {
  readonly stage?: BuildProgress["stage"];
  readonly done?: number;
  readonly total?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly reason: string; readonly message: string };
}

const STDERR_BYTES_MAX = 4096;

/** One build: a process with a sandbox and a folder of its own, both gone with `close`. */
export class PackageBuild {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #stderr = "";

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.#reader = createInterface({ input: child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    child.stderr!.on("data", (data: Buffer) => (this.#stderr = (this.#stderr + data).slice(-STDERR_BYTES_MAX)));
    // A process that ends early is noticed where its answers end.
    child.stdin!.on("error", () => {});
    child.on("error", (error) => (this.#stderr += error.message));
  }

  /** Starts a build in a folder that does not exist yet. */
  static async start(folder: string, settings: BuildSettings): Promise<PackageBuild> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { command, args, env } = settings.command;
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"], detached: true });
    const build = new PackageBuild(folder, child);
    build.#send({
      folder,
      index_url: settings.indexUrl,
      network: settings.network,
      network_allow: settings.networkAllow,
      network_deny: settings.networkDeny,
      sdists: settings.sdists,
      memory_bytes: settings.memoryBytes,
      bytes_max: settings.bytesMax,
      seconds_max: settings.timeoutMs / 1000,
    });
    return build;
  }

  /** Where the set is once it is installed. */
  get setFolder(): string {
    return `${this.#folder}/set`;
  }

  /** Turns requirements into a lock; versions of the preferred one stay while they fit. */
  async resolve(
    requirements: readonly BuildRequirement[],
    preferredLock: string,
    onProgress: (progress: BuildProgress) => void,
  ): Promise<Resolution> {
    const wanted = requirements.map(({ requirement, importName, optional, examine }) => ({
      requirement,
      import_name: importName,
      optional,
      examine,
    }));
    const result = await this.#do({ do: "resolve", requirements: wanted, preferred_lock: preferredLock }, onProgress);
    const { lock, dropped } = result as { lock?: unknown; dropped?: unknown };
    if (typeof lock !== "string" || !Array.isArray(dropped)) throw this.#broken("it answered without a lock");
    return {
      lock,
      dropped: dropped.map((one: { requirement?: unknown; message?: unknown }) => ({
        requirement: String(one.requirement),
        message: String(one.message).slice(0, 200),
      })),
    };
  }

  /** Installs a lock into `setFolder`; nothing of the build is alive any more afterwards. */
  async install(lock: string, onProgress: (progress: BuildProgress) => void): Promise<void> {
    await this.#do({ do: "install", lock }, onProgress);
  }

  /** Ends it and removes what it left. */
  async close(): Promise<void> {
    this.#reader.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      const exited = once(this.#child, "exit");
      // Its sandbox ends with it: the pipe that keeps it alive closes.
      this.#child.kill("SIGKILL");
      await exited;
    }
    await removeTree(this.#folder);
  }

  async #do(command: object, onProgress: (progress: BuildProgress) => void): Promise<Record<string, unknown>> {
    this.#send(command);
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) throw this.#broken(this.#stderr.trim().slice(-500) || "it ended without a word");
      const line = JSON.parse(next.value) as Line;
      if (line.error !== undefined) throw failure(line.error);
      if (line.result !== undefined) return line.result;
      if (line.stage !== undefined) onProgress({ stage: line.stage, done: line.done ?? 0, total: line.total ?? 0 });
    }
  }

  #send(value: object): void {
    this.#child.stdin!.write(`${JSON.stringify(value)}\n`);
  }

  #broken(cause: string): PlatformError {
    return new PlatformError("Unavailable", "PACKAGES_BUILD_FAILED", `the packages could not be built: ${cause}`);
  }
}

function failure({ reason, message }: { reason: string; message: string }): PlatformError {
  const kind = reason === "PACKAGES_UNRESOLVABLE" ? "InvalidArgument" : "Unavailable";
  return new PlatformError(kind, reason, message);
}
