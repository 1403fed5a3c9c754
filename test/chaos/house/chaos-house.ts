import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createNatsKeys, formatCredentials, issueJoinToken, issueRole, trustOf } from "@millrace/bus/identity";
import {
  findByEnvironment,
  isClusterReady,
  isNatsReady,
  natsLaunch,
  signal,
  type Launch,
  type PostgresCluster,
  type Tools,
} from "@millrace/provision";
import { migrate, openStore } from "@millrace/store";
import { Member, type Role } from "./member.ts";
import type { Host, Network } from "./network.ts";
import { isReadyOverHttp, PORTS, processLaunch, type CommonSettings } from "./plans.ts";
import { victimsOf, type PlannedFault } from "../nemesis/schedule.ts";
import { postgresLaunch, RecordPair, ROLE, type RecordServer } from "./record-pair.ts";

/** Which processes a house has. */
export const SHAPE = {
  gateways: ["gateway-1", "gateway-2"],
  schedulers: ["scheduler-1", "scheduler-2", "scheduler-3"],
  /** Runners by pool. */
  runners: { default: ["runner-1", "runner-2"], side: ["runner-3", "runner-4"] },
  nats: ["nats-1", "nats-2", "nats-3"],
  postgres: ["postgres-1", "postgres-2"],
} as const;

export const ALL_NAMES: readonly string[] = [
  ...SHAPE.gateways,
  ...SHAPE.schedulers,
  ...SHAPE.runners.default,
  ...SHAPE.runners.side,
  ...SHAPE.nats,
  ...SHAPE.postgres,
];

const DISK_MB: Readonly<Record<Role, number>> = { gateway: 64, scheduler: 64, runner: 512, nats: 512, postgres: 1536 };
const HOUSE_VARIABLE = "MILLRACE_HOUSE";

export interface ChaosHouseOptions {
  readonly folder: string;
  readonly tools: Tools;
  readonly network: Network;
  readonly checkout: string;
  readonly clockLibrary: string | undefined;
  readonly onDeath: (member: string, how: string) => void;
}

/** A house on many hosts, each process of which can be broken by itself. */
export class ChaosHouse {
  readonly members = new Map<string, Member>();
  readonly databasePassword = randomBytes(12).toString("hex");
  apiKey = "";
  readonly #options: ChaosHouseOptions;
  readonly #id = randomBytes(12).toString("hex");
  readonly #natsKeys = createNatsKeys();
  readonly #routeLogin = { user: "route", password: randomBytes(12).toString("hex") };
  readonly #mounts: string[] = [];
  readonly #record: RecordPair;

  constructor(options: ChaosHouseOptions) {
    this.#options = options;
    const common = this.#common();
    for (const name of SHAPE.nats) this.#add(name, "nats", () => this.#natsLaunch(name));
    for (const name of SHAPE.postgres) {
      this.#add(name, "postgres", () => postgresLaunch(this.clusterOf(name), this.hostOf(name)));
    }
    const servers = SHAPE.postgres.map((name) => ({ member: this.member(name), cluster: this.clusterOf(name) }));
    const [one, other] = servers as [RecordServer, RecordServer];
    this.#record = new RecordPair([one, other], this.network.outside, this.databasePassword);
    const own = (role: "gateway" | "scheduler" | "runner", name: string, environment = {}): void =>
      this.#add(name, role, () =>
        processLaunch(common, { name, role, host: this.hostOf(name), folder: this.diskOf(name), environment }),
      );
    for (const name of SHAPE.schedulers) own("scheduler", name, { MILLRACE_NATS_REPLICAS: String(SHAPE.nats.length) });
    for (const name of SHAPE.gateways) own("gateway", name);
    for (const [pool, names] of Object.entries(SHAPE.runners)) {
      for (const name of names) own("runner", name, { MILLRACE_POOL: pool });
    }
  }

  #common(): CommonSettings {
    const { tools, checkout } = this.#options;
    const nats = SHAPE.nats.map((name) => `nats://${this.hostOf(name).address}:${PORTS.nats}`);
    return {
      ...{ tools, checkout, natsUrl: nats.join(","), databaseUrl: this.databaseUrl },
      natsAccountKey: this.#natsKeys.accountSeed,
      credentialsOf: (role) => this.#secretFile(`${role}.creds`),
      joinTokenOf: (pool) => this.#secretFile(`${pool}.join`),
      publicUrl: this.gatewayUrl(SHAPE.gateways[0]),
      tokenKey: randomBytes(32).toString("hex"),
      masterKey: randomBytes(32).toString("hex"),
      mark: { [HOUSE_VARIABLE]: this.#id },
      clockOf: (name) => this.#clockSettings(name),
    };
  }

  /** Settings under which a process sees the clock that a file moves; its monotonic clock stays true. */
  #clockSettings(name: string): Record<string, string> {
    const { clockLibrary } = this.#options;
    if (clockLibrary === undefined) return {};
    return {
      LD_PRELOAD: clockLibrary,
      FAKETIME_TIMESTAMP_FILE: this.clockFileOf(name),
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_CACHE_DURATION: "1",
    };
  }

  clockFileOf(name: string): string {
    return join(this.#options.folder, "clocks", name);
  }

  get hasClocks(): boolean {
    return this.#options.clockLibrary !== undefined;
  }

  /** Only root can give each host a disk of its own. */
  get hasDisks(): boolean {
    return process.getuid?.() === 0;
  }

  get network(): Network {
    return this.#options.network;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get databaseUrl(): string {
    const hosts = SHAPE.postgres.map((name) => `${this.hostOf(name).address}:${PORTS.postgres}`);
    return `postgres://${ROLE}:${this.databasePassword}@${hosts.join(",")}/${ROLE}`;
  }

  gatewayUrl(name: string): string {
    return `http://${this.hostOf(name).address}:${PORTS.http}`;
  }

  hostOf(name: string): Host {
    const host = this.#options.network.hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  diskOf(name: string): string {
    return join(this.#options.folder, "disks", name);
  }

  clusterOf(name: string): PostgresCluster {
    return { folder: join(this.diskOf(name), "data"), postgres: this.#options.tools.postgres };
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`there is no ${name}`);
    return member;
  }

  withRole(role: Role): Member[] {
    return [...this.members.values()].filter(({ plan }) => plan.role === role);
  }

  #add(name: string, role: Role, launch: () => Launch): void {
    const host = this.hostOf(name);
    const isReady = (pid: number): boolean | Promise<boolean> => {
      if (role === "postgres") return isClusterReady(this.clusterOf(name), pid);
      return role === "nats" ? isNatsReady(PORTS.nats, host.address) : isReadyOverHttp(host);
    };
    const plan = {
      ...{ name, role, host, launch, isReady, logFile: join(this.folder, "logs", `${name}.log`) },
      stopSignal: role === "postgres" ? ("SIGINT" as const) : ("SIGTERM" as const),
      onDeath: (member: Member, how: string) => this.#options.onDeath(member.name, how),
    };
    this.members.set(name, new Member(plan));
  }

  #natsLaunch(name: string): Launch {
    const routes = SHAPE.nats.map((server) => `${this.hostOf(server).address}:${PORTS.natsRoutes}`);
    const leases = SHAPE.nats.findIndex((server) => server === name);
    const cluster = { name: "chaos", server: name, leases, port: PORTS.natsRoutes, routes, ...this.#routeLogin };
    return natsLaunch({
      ...{ program: this.#options.tools.natsServer, folder: join(this.diskOf(name), "data"), port: PORTS.nats },
      ...{ host: this.hostOf(name).address, trust: trustOf(this.#natsKeys), cluster },
    });
  }

  #secretFile(name: string): string {
    return join(this.folder, "secrets", name);
  }

  /** What processes show to NATS: gateways and schedulers credentials, runners at first the join token of their pool. */
  #writeSecrets(): void {
    mkdirSync(join(this.folder, "secrets"), { recursive: true, mode: 0o700 });
    const { accountSeed } = this.#natsKeys;
    for (const role of ["gateway", "scheduler"] as const) {
      writeFileSync(this.#secretFile(`${role}.creds`), formatCredentials(issueRole(accountSeed, role)));
    }
    for (const pool of Object.keys(SHAPE.runners)) {
      writeFileSync(this.#secretFile(`${pool}.join`), `${issueJoinToken(accountSeed, pool).token}\n`);
    }
  }

  /** Starts everything and returns when all of it is ready. */
  async start(): Promise<void> {
    this.#makeDisks();
    this.#writeSecrets();
    const nats = Promise.all(this.withRole("nats").map((member) => member.start()));
    await this.#record.start();
    await this.#prepareRecord();
    await nats;
    await Promise.all(this.withRole("scheduler").map((member) => member.start()));
    await Promise.all([...this.withRole("gateway"), ...this.withRole("runner")].map((member) => member.start()));
  }

  async #prepareRecord(): Promise<void> {
    await migrate(this.databaseUrl);
    const store = await openStore({ url: this.databaseUrl, applicationName: "millrace-chaos", connectionsMax: 1 });
    try {
      const project = await store.projects.ensure("default");
      this.apiKey = (await store.apiKeys.create(project.id, "chaos")).key;
    } finally {
      await store.close();
    }
  }

  /** Each host's disk has a size of its own, so that a full one fills nobody else's. */
  #makeDisks(): void {
    for (const folder of ["logs", "disks", "clocks"]) mkdirSync(join(this.folder, folder), { recursive: true });
    // Postgres runs as another user and has to pass through.
    for (const folder of [this.folder, join(this.folder, "disks")]) chmodSync(folder, 0o711);
    for (const [name, { plan }] of this.members) {
      const disk = this.diskOf(name);
      mkdirSync(disk, { recursive: true });
      writeFileSync(this.clockFileOf(name), "+0\n");
      if (this.hasDisks) {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB[plan.role]}m,mode=755`, "chaos", disk]);
        this.#mounts.push(disk);
      }
    }
  }

  /** Who is meant: the Postgres servers have their roles' names too. */
  nameOf(name: string): string {
    if (name === "primary") return this.#record.primary.name;
    return name === "standby" ? this.#record.standby.name : name;
  }

  /** Whether the house cannot work at all while this fault holds, however well it is made. */
  isVital(fault: PlannedFault, victims: readonly string[]): boolean {
    if (fault.kind === "blackout") return true;
    const names = fault.kind === "partition" ? victimsOf(fault).map((name) => this.nameOf(name)) : victims;
    const isNeeded = (name: string): boolean => {
      const { role } = this.member(name).plan;
      return role === "postgres" || (role === "nats" && SHAPE.nats.length < 3);
    };
    const harmless = fault.kind === "slow" || fault.kind === "failover" || fault.kind === "clock";
    return !harmless && names.some(isNeeded);
  }

  get record(): RecordPair {
    return this.#record;
  }

  /** The processes that a member has started itself. */
  childrenOf({ pid }: Member): number[] {
    return pids().filter((child) => parentOf(child) === pid);
  }

  /** The processes on a host, whoever started them: its members, workers, sandboxes and what runs in them. */
  processesOn(name: string): number[] {
    const { namespace } = this.hostOf(name);
    if (namespace === undefined) return this.#descendantsOf(this.member(name).pid);
    const wanted = networkOf(namespace.holder);
    return pids().filter((pid) => pid !== namespace.holder && networkOf(pid) === wanted);
  }

  #descendantsOf(root: number | undefined): number[] {
    if (root === undefined) return [];
    const parents = new Map(pids().map((pid) => [pid, parentOf(pid)]));
    const isBelow = (pid: number): boolean => {
      for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
        if (at === root) return true;
      }
      return false;
    };
    return [...parents.keys()].filter(isBelow);
  }

  /** Processes on runners' hosts that do not belong to the runner that is there now. */
  strays(): { readonly host: string; readonly pid: number; readonly command: string }[] {
    return this.withRole("runner").flatMap(({ name, pid }) => {
      const own = new Set(this.#descendantsOf(pid));
      const strangers = this.processesOn(name).filter((other) => !own.has(other));
      return strangers.map((other) => ({ host: name, pid: other, command: commandOf(other) }));
    });
  }

  /** Ends everything; returns what would not end by itself, and what was left behind. */
  async stop(): Promise<{ readonly stubborn: string[]; readonly left: string[] }> {
    const stubborn: string[] = [];
    for (const role of ["gateway", "runner", "scheduler", "nats", "postgres"] as const) {
      const ended = this.withRole(role).map(async (member) => ((await member.stop()) ? [] : [member.name]));
      stubborn.push(...(await Promise.all(ended)).flat());
    }
    const left = [...this.members.keys()].flatMap((name) =>
      this.hostOf(name).namespace === undefined
        ? []
        : this.processesOn(name).map((pid) => `${name}: ${pid} ${commandOf(pid)}`),
    );
    await this.close();
    return { stubborn, left };
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.kill()));
    const left = [...this.members.keys()].flatMap((name) =>
      this.hostOf(name).namespace === undefined ? [] : this.processesOn(name),
    );
    for (const pid of [...left, ...findByEnvironment(HOUSE_VARIABLE, this.#id)]) signal(pid, "SIGKILL");
    for (const mount of this.#mounts.splice(0)) execFileSync("umount", ["--lazy", mount]);
  }
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 120);
  } catch {
    return "";
  }
}
