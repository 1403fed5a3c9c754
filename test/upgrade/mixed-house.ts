import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { openApiClient, type ApiClient } from "@millrace/cli";
import { loadTools, pickFreePort } from "@millrace/provision";
import { scratchFolder, scratchPostgres } from "@millrace/testkit";
import { runCli } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

export type Role = "gateway" | "scheduler" | "runner";

const READY_MS = 150_000;
const STOP_MS = 60_000;

/** A process of one release. */
export class Member {
  readonly role: Role;
  readonly ports: Readonly<Record<"health" | "http" | "grpc", number>>;
  readonly #process: ChildProcess;
  #log = "";

  constructor(role: Role, root: string, ports: Member["ports"], env: Readonly<Record<string, string>>) {
    this.role = role;
    this.ports = ports;
    const own = {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "/",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
      MILLRACE_HEALTH_PORT: String(ports.health),
      ...(role === "gateway" && { MILLRACE_HTTP_PORT: String(ports.http), MILLRACE_GRPC_PORT: String(ports.grpc) }),
    };
    this.#process = spawn(process.execPath, [join(root, "packages", role, "src/main.ts")], {
      env: { ...own, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    process.once("exit", () => this.#process.kill("SIGKILL"));
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on("data", (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    }
  }

  get log(): string {
    return this.#log;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  /** Waits until it says that it is ready. */
  async ready(): Promise<this> {
    const ask = async (): Promise<boolean> => {
      assert.equal(this.#process.exitCode, null, this.#log);
      const answer = await fetch(`http://127.0.0.1:${this.ports.health}/readyz`).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.status === 200;
    };
    await until(ask, READY_MS).catch((thrown: unknown) => {
      throw new Error(`${this.role} is not ready: ${this.#log}`, { cause: thrown });
    });
    return this;
  }

  /** Lets it finish what it has; fails when it does not end by itself. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit", { signal: AbortSignal.timeout(STOP_MS) });
    this.#process.kill("SIGTERM");
    const [code] = (await exited) as [number | null];
    assert.equal(code, 0, this.#log);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** What all processes of a house share, whatever their releases. */
export class MixedHouse {
  readonly databaseUrl: string;
  readonly members: Member[] = [];
  readonly #folder: string;
  readonly #env: Readonly<Record<Role, Readonly<Record<string, string>>>>;

  constructor(parts: {
    databaseUrl: string;
    folder: string;
    env: Readonly<Record<Role, Readonly<Record<string, string>>>>;
  }) {
    this.databaseUrl = parts.databaseUrl;
    this.#folder = parts.folder;
    this.#env = parts.env;
  }

  /** Starts a process of the release whose sources are below `root`. */
  async start(role: Role, root: string, settings: Readonly<Record<string, string>> = {}): Promise<Member> {
    const ports = { health: await pickFreePort(), http: await pickFreePort(), grpc: await pickFreePort() };
    const data = join(this.#folder, `data-${this.members.length}`);
    mkdirSync(data);
    const own: Record<string, string> = role === "runner" ? { MILLRACE_DATA_DIR: data } : {};
    const member = new Member(role, root, ports, { ...this.#env[role], ...own, ...settings });
    this.members.push(member);
    return member;
  }

  /** Runs a command of a release on the record. */
  async operate(root: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
    const command = [join(root, "packages/cli/bin/millrace.mjs"), ...args];
    const env = { PATH: process.env["PATH"] ?? "", MILLRACE_DATABASE_URL: this.databaseUrl };
    const child = spawn(process.execPath, command, { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, output };
  }

  async stop(): Promise<void> {
    for (const member of this.members) member.kill();
  }
}

/** What processes on this machine need beside what their release says. */
export function programs(): Record<string, string> {
  const tools = loadTools();
  return {
    MILLRACE_PYTHON: tools.python,
    MILLRACE_BUBBLEWRAP: tools.bwrap,
    MILLRACE_NETWORK: "open",
    MILLRACE_SLOTS: "4",
  };
}

/** The settings of every role, from secrets that `millrace init-deploy` has written. */
export async function secretsOf(folder: string, natsUrl: string, databaseUrl: string, pools: readonly string[]) {
  const outcome = await runCli(["init-deploy", folder, "--pools", pools.join(",")]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const secret = (name: string): string => join(folder, "secrets", name);
  const record = {
    MILLRACE_NATS_URL: natsUrl,
    MILLRACE_DATABASE_URL: databaseUrl,
    MILLRACE_TOKEN_KEY_FILE: secret("token-key"),
  };
  return {
    gateway: {
      ...record,
      MILLRACE_NATS_CREDENTIALS_FILE: secret("nats-gateway.creds"),
      MILLRACE_NATS_ACCOUNT_KEY_FILE: secret("nats-account-key"),
      MILLRACE_MASTER_KEY_FILE: secret("master-key"),
    },
    scheduler: { ...record, MILLRACE_NATS_CREDENTIALS_FILE: secret("nats-scheduler.creds") },
    runner: { ...programs(), MILLRACE_NATS_URL: natsUrl },
    joinTokens: Object.fromEntries(pools.map((pool) => [pool, secret(`join-token-${pool}`)])),
    trust: JSON.parse(readFileSync(secret("nats-trust.conf"), "utf8")) as {
      operator: string;
      system_account: string;
      resolver_preload: Record<string, string>;
    },
  };
}

/** A new database that nobody has migrated. */
export async function emptyDatabase(): Promise<string> {
  return (await scratchPostgres()).createDatabase();
}

/** A folder of a test's own. */
export function newFolder(): string {
  return mkdtempSync(join(scratchFolder(), "upgrade-"));
}

/** A client of a gateway. */
export function clientOf(gateway: Member, apiKey: string): Promise<ApiClient> {
  return openApiClient({ url: gateway.url, grpc: `127.0.0.1:${gateway.ports.grpc}`, apiKey });
}
