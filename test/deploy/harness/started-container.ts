import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { pickFreePort } from "@millrace/provision";
import type { ImageTree } from "./image-tree.ts";
import type { ContainerPlan } from "./manifests.ts";

/** Where a container's parts are on this machine. */
export interface Surroundings {
  /** A folder of the container's own. */
  readonly folder: string;
  /** The folder `secrets` that `millrace init-deploy` has written. */
  readonly secrets: string;
  /** Contents that stand in place of a secret's: addresses of this machine. */
  readonly instead: Readonly<Record<string, string>>;
  /** What stands in place of addresses in settings. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Programs that the image has and this machine keeps elsewhere. */
  readonly programs: Readonly<Record<string, string>>;
  readonly path: string;
  readonly uid: number | undefined;
}

const PORTS = ["MILLRACE_HTTP_PORT", "MILLRACE_GRPC_PORT", "MILLRACE_HEALTH_PORT"];

/** A process that was started from an image's files with a plan's arguments and environment. */
export class StartedContainer {
  readonly env: Readonly<Record<string, string>>;
  readonly plan: ContainerPlan;
  readonly #image: ImageTree;
  readonly #uid: number | undefined;
  readonly #process: ChildProcess;
  #log = "";

  private constructor(image: ImageTree, plan: ContainerPlan, env: Readonly<Record<string, string>>, uid?: number) {
    this.env = env;
    this.plan = plan;
    this.#image = image;
    this.#uid = uid;
    this.#process = this.#spawn([...plan.args]);
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on("data", (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    }
  }

  /** Starts it. */
  static async start(image: ImageTree, plan: ContainerPlan, at: Surroundings): Promise<StartedContainer> {
    const env = await environmentOf(image, plan, at);
    return new StartedContainer(image, plan, env, at.uid);
  }

  get log(): string {
    return this.#log;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  port(kind: "HTTP" | "GRPC" | "HEALTH"): number {
    return Number(this.env[`MILLRACE_${kind}_PORT`]);
  }

  /** Waits for its end; its exit code. */
  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  /** Tells it to stop as an engine does. Returns its exit code, or null when it had to be killed after the grace period. */
  async stop(): Promise<number | null> {
    if (this.hasEnded) return this.#process.exitCode;
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), this.plan.graceMs);
    this.#process.kill("SIGTERM");
    const code = await this.ended();
    clearTimeout(timer);
    return code;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Runs another command in the same container, as `exec` does; what it printed. */
  async exec(args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string }> {
    const child = this.#spawn(args.map((word) => word.replace("/opt/millrace", this.#image.root)));
    let stdout = "";
    child.stdout!.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout };
  }

  #spawn(args: readonly string[]): ChildProcess {
    const node = [process.execPath, ...args];
    // What the compose file and the chart ask of the kernel: no root, no capability, none to be had.
    const confined = ["setpriv", "--reuid", String(this.#uid), "--regid", String(this.#uid), "--clear-groups"];
    const rights = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"];
    const [command = "", ...rest] = this.#uid === undefined ? node : [...confined, ...rights, ...node];
    return spawn(command, rest, { cwd: this.#image.root, env: { ...this.env }, stdio: ["ignore", "pipe", "pipe"] });
  }
}

async function environmentOf(image: ImageTree, plan: ContainerPlan, at: Surroundings): Promise<Record<string, string>> {
  const data = join(at.folder, "data");
  mkdirSync(data, { recursive: true });
  if (at.uid !== undefined) chownSync(data, at.uid, at.uid);
  for (const [path, name] of Object.entries(plan.secrets)) {
    const file = join(at.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, at.instead[name] ?? readFileSync(join(at.secrets, name), "utf8"));
  }
  const paths = {
    "/opt/millrace": image.root,
    "/run/secrets": join(at.folder, "run/secrets"),
    "/var/lib/millrace": data,
  };
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...image.env, ...plan.env })) {
    let here = String(value);
    for (const [from, to] of Object.entries({ ...at.addresses, ...paths })) here = here.replaceAll(from, to);
    env[name] = PORTS.includes(name) ? String(await pickFreePort()) : here;
  }
  return { ...env, HOME: data, ...at.programs, PATH: at.path };
}
