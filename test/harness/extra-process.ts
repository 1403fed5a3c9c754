import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { readStatus } from "@millrace/cli";
import type { TestHouse } from "./test-house.ts";
import { until } from "./until.ts";

const checkout = join(import.meta.dirname, "../..");
const READY_MS = 60_000;

/** A further scheduler or runner of a house, beside the ones that its supervisor keeps. */
export class ExtraProcess implements AsyncDisposable {
  readonly name: string;
  readonly child: ChildProcess;
  readonly #lines: string[];

  private constructor(name: string, child: ChildProcess, lines: string[]) {
    this.name = name;
    this.child = child;
    this.#lines = lines;
  }

  /** Starts it with what its kind has in this house, and waits until it is ready. */
  static async start(
    house: TestHouse,
    role: "scheduler" | "runner",
    name: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ExtraProcess> {
    const folder = await mkdtemp(join(house.data, `${name}-`));
    const child = spawn(process.execPath, [join(checkout, "packages", role, "src/main.ts")], {
      env: {
        ...(await environmentOf(await pidOf(house, role))),
        ...{ MILLRACE_NAME: name, MILLRACE_HEALTH_PORT: "0", MILLRACE_EXIT_WITH_PARENT: "true" },
        ...(role === "runner" && { MILLRACE_DATA_DIR: folder }),
        ...environment,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => void lines.push(line));
    }
    const extra = new ExtraProcess(name, child, lines);
    try {
      await until(() => child.exitCode !== null || lines.some((line) => line.includes("process.ready")), READY_MS);
      assert.equal(child.exitCode, null, `${name} does not start:\n${extra.log}`);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    return extra;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#lines.join("\n");
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Sends a signal; resolves with how it has ended when that is what the signal does. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves when it has ended, with its exit code; null for one that was killed. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    // One that was stopped has to go on to hear of its end.
    this.child.kill("SIGCONT");
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await this.ended();
    clearTimeout(late);
  }
}

/** Pid of the process of a kind that the house's supervisor keeps. */
export async function pidOf(house: TestHouse, role: "gateway" | "scheduler" | "runner"): Promise<number> {
  const { processes } = await readStatus(house.data);
  const pid = processes.find((one) => one.role === role)?.pid;
  assert.ok(typeof pid === "number", `the house has no ${role}`);
  return pid;
}

/** The environment variables that a process was started with. */
export async function environmentOf(pid: number): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/environ`, "utf8");
  return Object.fromEntries(
    text
      .split("\0")
      .filter((entry) => entry.includes("="))
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}
