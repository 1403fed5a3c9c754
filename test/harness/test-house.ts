import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { openApiClient, runDocument, type ApiClient, type RunDocument } from "@millrace/cli";
import type { workflowApi } from "@millrace/protocol";
import { isPortFree, pickFreePort } from "@millrace/provision";
import { scratchFolder } from "@millrace/testkit";
import pg from "pg";

import type { OtherUser } from "./other-user.ts";
import { FIRST_LINES } from "./requests.ts";

const checkout = join(import.meta.dirname, "../..");
const command = join(checkout, "packages/cli/bin/millrace.mjs");
const scratch = scratchFolder();
// Under root, Postgres runs as another user and has to pass through.
chmodSync(scratch, 0o711);
// The houses of tests are not the ones that this user's commands mean.
const stateHome = process.env["XDG_STATE_HOME"] ?? join(scratch, "state");
const READY_MS = 120_000;
const STOP_MS = 60_000;

/** A process of the house, as `millrace status --json` tells it. */
export interface HouseProcess {
  readonly role: "gateway" | "scheduler" | "hub" | "runner" | "worker" | "nats" | "postgres";
  readonly pid: number | null;
  readonly ready: boolean;
}

/** A workflow in a test: the definition, with the source of each step in place of its file's name. */
export interface TestWorkflow {
  readonly name: string;
  readonly trigger?: unknown;
  readonly triggers?: unknown;
  /** Source by the step's name, in order. */
  readonly steps: Readonly<Record<string, string>>;
  readonly settings?: unknown;
  /** Inputs by the step's name. */
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** What a command of the CLI came to. */
export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it printed with `--json`; undefined when that is not JSON. */
  readonly json: unknown;
}

/** How a house is started. */
export interface TestHouseOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly user?: OtherUser;
  /** Gateway and scheduler as processes of their own, for tests that handle one of them. */
  readonly separate?: boolean;
}

/** A whole house, started as people start it: `millrace dev` on a data folder and a port of its own. */
export class TestHouse {
  readonly data: string;
  readonly url: string;
  readonly grpc: string;
  readonly apiKey: string;
  readonly client: ApiClient;
  readonly #options: TestHouseOptions;
  readonly #process: ChildProcess;
  readonly #log: () => string;

  private constructor(
    parts: Pick<TestHouse, "data" | "url" | "grpc" | "apiKey" | "client">,
    options: TestHouseOptions,
    dev: StartedDev,
  ) {
    this.#options = options;
    this.data = parts.data;
    this.url = parts.url;
    this.grpc = parts.grpc;
    this.apiKey = parts.apiKey;
    this.client = parts.client;
    this.#process = dev.process;
    this.#log = dev.log;
  }

  /** Starts a house and waits until everything in it answers. */
  static async start(options: TestHouseOptions = {}): Promise<TestHouse> {
    const data = await mkdtemp(join(scratch, "house-"));
    if (options.user !== undefined) chownSync(data, options.user.uid, options.user.uid);
    return TestHouse.#open(data, await pickFreePort("127.0.0.1"), options);
  }

  /** Starts a house on a data folder that is there. */
  static async on(data: string): Promise<TestHouse> {
    return TestHouse.#open(data, await pickFreePort("127.0.0.1"), {});
  }

  static async #open(data: string, port: number, options: TestHouseOptions): Promise<TestHouse> {
    const environment = { ...options.environment, ...options.user?.environment };
    const dev = await startDev(data, port, environment, options);
    const [, url, , grpc] = dev.readyLine.split(" ");
    assert.ok(url !== undefined && grpc !== undefined, `unexpected ready line: ${dev.readyLine}`);
    const apiKey = (await readFile(join(data, "api-key"), "utf8")).trim();
    const client = await openApiClient({ url, grpc, apiKey });
    return new TestHouse({ data, url, grpc, apiKey, client }, options, dev);
  }

  /** Stops everything and starts it again, on the same data and port. */
  async restart(): Promise<TestHouse> {
    await this.#end();
    const port = Number(new URL(this.url).port);
    // Tests beside this one take ports too.
    return TestHouse.#open(this.data, (await isPortFree(port)) ? port : await pickFreePort(), this.#options);
  }

  /** A connection to the house's database. */
  async connectDatabase(): Promise<pg.Client> {
    const text = await readFile(join(this.data, "house.json"), "utf8");
    const { databasePassword, ports } = JSON.parse(text) as { databasePassword: string; ports: { postgres: number } };
    const client = new pg.Client({
      ...{ host: "127.0.0.1", port: ports.postgres, user: "millrace", database: "millrace" },
      password: databasePassword,
    });
    await client.connect();
    return client;
  }

  /** What the supervisor has printed so far. */
  get log(): string {
    return this.#log();
  }

  /** Pid of the supervisor. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Drains the house as Ctrl-C does, and removes its data. */
  async stop(): Promise<void> {
    await this.#end();
    await rm(this.data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async #end(): Promise<void> {
    this.client.close();
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, "exit", { signal: AbortSignal.timeout(STOP_MS) });
      this.#process.kill("SIGTERM");
      await exited;
    }
  }

  /** Calls the HTTP/JSON API with the house's key. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${this.apiKey}`);
    if (typeof init.body === "string" && !headers.has("content-type")) headers.set("content-type", "application/json");
    return fetch(`${this.url}/api/v1/${path}`, { ...init, headers });
  }

  /** Runs a command of the CLI against this house. */
  cli(args: readonly string[], options: CliOptions = {}): Promise<CommandOutcome> {
    return runCli(["--data", this.data, ...args], options);
  }

  /** Runs a command with `--json`; fails the test unless it succeeds. */
  async cliJson<T>(args: readonly string[], options: { stdin?: string } = {}): Promise<T> {
    const outcome = await this.cli([...args, "--json"], options);
    assert.equal(outcome.code, 0, `millrace ${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`);
    return outcome.json as T;
  }

  /** The processes of the house. */
  async processes(): Promise<readonly HouseProcess[]> {
    const outcome = await this.cli(["status", "--json"]);
    return (outcome.json as { processes?: readonly HouseProcess[] }).processes ?? [];
  }

  /** Deploys a workflow from sources in the test; returns it with the address of its first trigger. */
  async deploy(workflow: TestWorkflow): Promise<workflowApi.Workflow & { url: string }> {
    const { steps, inputs = {}, ...definition } = workflow;
    const files = Object.entries(steps).map(([name, source], index) => ({ name, file: `step_${index}.py`, source }));
    const deployed = await this.client.workflows.deployWorkflow(
      {
        name: "",
        definitionJson: JSON.stringify({
          ...definition,
          steps: files.map(({ name, file }) => ({ name, python: file, inputs: inputs[name] })),
        }),
        sources: Object.fromEntries(files.map(({ file, source }) => [file, source])),
        checkTimeout: undefined,
        modules: {},
        upgradePackages: false,
        packageTimeout: undefined,
      },
      { deadlineMs: 90_000 },
    );
    return { ...deployed, url: deployed.triggers[0]?.url ?? "" };
  }

  /** Runs a workflow on an event and returns the run as `millrace run --json` would. */
  async run(workflow: string, event: unknown = {}): Promise<RunDocument> {
    const eventJson = typeof event === "string" ? event : JSON.stringify(event);
    const run = await this.client.runs.createRun(
      { parent: `workflows/${workflow}`, eventJson, requestId: "", waitTimeout: { seconds: 100, nanos: 0 } },
      { deadlineMs: 120_000 },
    );
    return this.getRun(run.id);
  }

  /** A run with all its steps and log lines. */
  async getRun(id: string): Promise<RunDocument> {
    const name = `workflows/-/runs/${id}`;
    const run = await this.client.runs.getRun({ name });
    const logs = await this.client.runs.listRunLogs({ ...FIRST_LINES, parent: name, pageSize: 10_000 });
    return runDocument(run, logs.entries);
  }

  /** Waits for the end of a run. */
  async waitRun(id: string): Promise<RunDocument> {
    const request = { name: `workflows/-/runs/${id}`, timeout: { seconds: 100, nanos: 0 } };
    await this.client.runs.waitRun(request, { deadlineMs: 120_000 });
    return this.getRun(id);
  }
}

interface StartedDev {
  readonly process: ChildProcess;
  readonly readyLine: string;
  readonly log: () => string;
}

async function startDev(
  data: string,
  port: number,
  environment: Readonly<Record<string, string>>,
  { user, separate = false }: TestHouseOptions,
): Promise<StartedDev> {
  const args = [command, "dev", "--data", data, "--port", String(port), ...(separate ? ["--separate"] : [])];
  const uid = user?.uid;
  const child = spawn(process.execPath, args, {
    env: { ...process.env, XDG_STATE_HOME: stateHome, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-100_000)));
  // A test process that dies must not leave a house behind.
  process.once("exit", () => child.kill("SIGTERM"));
  const lines = createInterface({ input: child.stdout });
  const timeout = setTimeout(() => child.kill("SIGTERM"), READY_MS);
  try {
    for await (const line of lines) {
      log += `${line}\n`;
      if (line.startsWith("ready ")) {
        child.stdout.resume();
        return { process: child, readyLine: line, log: () => log };
      }
    }
  } finally {
    clearTimeout(timeout);
  }
  throw new Error(`the house did not become ready:\n${log}`);
}

/** How a command is run. */
export interface CliOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Told what the command has said on stderr so far, whenever it says more. */
  readonly onStderr?: (text: string) => void;
}

/** Runs a command of the CLI in a process of its own. */
export async function runCli(
  args: readonly string[],
  options: CliOptions & { environment?: Readonly<Record<string, string>> } = {},
): Promise<CommandOutcome> {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: options.cwd ?? checkout,
    env: { ...process.env, XDG_STATE_HOME: stateHome, ...options.environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr);
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, json: parseJson(stdout) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes a workflow's folder and returns its path; the caller's scratch folder is its owner. */
export async function writeFolder(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}
