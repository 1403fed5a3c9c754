import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { commandLine, isAlive, signal, waitUntil, type Launch } from "@millrace/provision";
import type { Host } from "./network.ts";

export type Role = "gateway" | "scheduler" | "runner" | "nats" | "postgres";

/** What a member is and how it is started. */
export interface MemberPlan {
  readonly name: string;
  readonly role: Role;
  readonly host: Host;
  /** Made anew at each start: what it says may have changed. */
  readonly launch: () => Launch;
  readonly isReady: (pid: number) => boolean | Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  readonly logFile: string;
  /** Told of each end that nobody asked for. */
  readonly onDeath: (member: Member, how: string) => void;
}

const RESTART_MS = 500;
const READY_MS = 60_000;
const STOP_MS = 40_000;

/** One process of the house on its host; started again when it ends unasked, as an operator's supervisor does. */
export class Member {
  readonly plan: MemberPlan;
  #child: ChildProcess | undefined;
  /** Whether it should be running. */
  #wanted = false;

  constructor(plan: MemberPlan) {
    this.plan = plan;
  }

  get name(): string {
    return this.plan.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isWanted(): boolean {
    return this.#wanted;
  }

  /** Starts it and waits until it is ready. */
  async start(readyMs = READY_MS): Promise<void> {
    this.launch();
    await this.ready(readyMs);
  }

  async ready(timeoutMs = READY_MS): Promise<void> {
    await waitUntil(() => this.isReady(), { what: `readiness of ${this.name}`, timeoutMs, intervalMs: 100 });
  }

  async isReady(): Promise<boolean> {
    return this.pid !== undefined && (await this.plan.isReady(this.pid));
  }

  /** Starts it, without waiting. */
  launch(): void {
    this.#wanted = true;
    if (this.#child !== undefined) return;
    const launch = this.plan.launch();
    const { namespace } = this.plan.host;
    const enter = namespace === undefined ? [] : ["nsenter", `--net=${namespace.path}`, "--"];
    const [command = "", ...args] = [...enter, ...commandLine(launch)];
    const log = openSync(this.plan.logFile, "a", 0o600);
    const child = spawn(command, args, {
      ...{ cwd: launch.cwd, env: { ...launch.env }, stdio: ["ignore", log, log], detached: true },
    });
    closeSync(log);
    this.#child = child;
    child.once("error", (error) => this.#ended(child, error.message));
    child.once("exit", (code, name) => this.#ended(child, name ?? `code ${code}`));
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (!this.#wanted) return;
    this.plan.onDeath(this, how);
    setTimeout(() => {
      if (this.#wanted) this.launch();
    }, RESTART_MS).unref();
  }

  /** Ends it with SIGKILL; it stays away until it is started. */
  async kill(): Promise<void> {
    this.#wanted = false;
    const pid = this.pid;
    if (pid === undefined) return;
    signal(pid, "SIGKILL");
    await this.#gone(pid, 5_000);
  }

  /** Asks it to end; false when it had to be killed. */
  async stop(timeoutMs = STOP_MS): Promise<boolean> {
    this.#wanted = false;
    const pid = this.pid;
    if (pid === undefined) return true;
    signal(pid, "SIGCONT");
    signal(pid, this.plan.stopSignal);
    if (await this.#gone(pid, timeoutMs)) return true;
    await this.kill();
    return false;
  }

  async #gone(pid: number, timeoutMs: number): Promise<boolean> {
    const endAt = performance.now() + timeoutMs;
    while (isAlive(pid) || this.pid === pid) {
      if (performance.now() > endAt) return false;
      await sleep(20);
    }
    return true;
  }
}
