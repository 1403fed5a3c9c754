import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { openApiClient, type ApiClient } from "@millrace/cli";
import { isNatsReady, loadTools, pickFreePort } from "@millrace/provision";
import { scratchFolder, scratchPostgres, startScratchServer, type ScratchServer } from "@millrace/testkit";
import { makeOtherUser } from "../../harness/other-user.ts";
import { runCli } from "../../harness/test-house.ts";
import { until } from "../../harness/until.ts";
import { assembleImage, type ImageTree } from "./image-tree.ts";
import type { ContainerPlan } from "./manifests.ts";
import { StartedContainer, type Surroundings } from "./started-container.ts";

const READY_MS = 60_000;

/** Which plan each process is started by. */
export interface HousePlans {
  readonly migrate: ContainerPlan;
  readonly scheduler: ContainerPlan;
  readonly gateway: ContainerPlan;
  readonly runner: ContainerPlan;
  /** The broker's configuration, as it is mounted. */
  readonly nats: string;
  /** What stands in place of the broker's address. */
  readonly natsHosts: readonly string[];
}

/** What the deployments of a test share: images as trees, secrets, a user without rights. */
export class DeployKit {
  readonly folder = mkdtempSync(join(scratchFolder(), "deploy-"));
  readonly secrets: string;
  readonly house: ImageTree;
  readonly runner: ImageTree;
  readonly #user: ReturnType<typeof makeOtherUser>;

  constructor() {
    for (const path of [dirname(this.folder), this.folder]) chmodSync(path, 0o755);
    const home = join(this.folder, "user");
    mkdirSync(home);
    this.#user = makeOtherUser(home);
    this.secrets = join(this.folder, "secrets");
    this.house = assembleImage("house", join(this.folder, "house"));
    this.runner = assembleImage("runner", join(this.folder, "runner"));
  }

  /** Writes secrets and settings as an operator does. */
  async init(pools: readonly string[] = ["default"]): Promise<Record<string, string>> {
    const outcome = await runCli(["init-deploy", this.folder, "--pools", pools.join(",")]);
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = readFileSync(join(this.folder, ".env"), "utf8").split("\n");
    return Object.fromEntries(
      lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
  }

  /** Everything but what a container is, for one that runs on this machine. */
  surroundings(name: string, addresses: Readonly<Record<string, string>>, databaseUrl: string): Surroundings {
    const tools = loadTools();
    const programs = {
      MILLRACE_PYTHON:
        this.#user?.environment["MILLRACE_TOOLS"] === undefined ? tools.python : join(this.folder, "user/python"),
      MILLRACE_UV: this.#user?.environment["MILLRACE_UV"] ?? join(dirname(tools.python), "uv"),
    };
    const places = [tools.bwrap, tools.slirp4netns, tools.nft]
      .filter((path) => path !== undefined)
      .map((path) => dirname(path));
    return {
      folder: join(this.folder, "containers", name),
      secrets: this.secrets,
      instead: { "database-url": `${databaseUrl}\n` },
      addresses,
      programs,
      path: [...new Set([...places, "/usr/sbin", "/usr/bin", "/sbin", "/bin"])].join(":"),
      uid: this.#user?.uid,
    };
  }
}

/** A house that runs by what a deployment says, on scratch servers. */
export class DeployedHouse {
  readonly scheduler: StartedContainer;
  readonly gateway: StartedContainer;
  readonly runner: StartedContainer;
  readonly client: ApiClient;
  readonly url: string;
  readonly apiKey: string;
  readonly #nats: ScratchServer;

  private constructor(
    parts: Pick<DeployedHouse, "scheduler" | "gateway" | "runner" | "client" | "url" | "apiKey">,
    nats: ScratchServer,
  ) {
    this.scheduler = parts.scheduler;
    this.gateway = parts.gateway;
    this.runner = parts.runner;
    this.client = parts.client;
    this.url = parts.url;
    this.apiKey = parts.apiKey;
    this.#nats = nats;
  }

  static async start(kit: DeployKit, name: string, plans: HousePlans): Promise<DeployedHouse> {
    const databaseUrl = await (await scratchPostgres()).createDatabase();
    const nats = await startNats(kit, name, plans.nats);
    const addresses = Object.fromEntries(plans.natsHosts.map((host) => [host, `nats://127.0.0.1:${nats.port}`]));
    const start = async (role: string, image: ImageTree, plan: ContainerPlan): Promise<StartedContainer> => {
      const at = kit.surroundings(`${name}-${role}`, addresses, databaseUrl);
      const container = await StartedContainer.start(image, plan, at);
      process.once("exit", () => container.kill());
      return container;
    };
    const migration = await start("migrate", kit.house, plans.migrate);
    assert.equal(await migration.ended(), 0, migration.log);
    const [scheduler, gateway, runner] = await Promise.all([
      start("scheduler", kit.house, plans.scheduler),
      start("gateway", kit.house, plans.gateway),
      start("runner", kit.runner, plans.runner),
    ]);
    try {
      await Promise.all([scheduler, gateway, runner].map(waitReady));
    } catch (thrown) {
      for (const one of [scheduler, gateway, runner]) one.kill();
      throw thrown;
    }
    const made = await gateway.exec(["packages/cli/bin/millrace.mjs", "create-key", "--name", "admin", "--json"]);
    assert.equal(made.code, 0, made.stdout);
    const apiKey = (JSON.parse(made.stdout) as { key: string }).key;
    const url = `http://127.0.0.1:${gateway.port("HTTP")}`;
    const client = await openApiClient({ url, grpc: `127.0.0.1:${gateway.port("GRPC")}`, apiKey });
    return new DeployedHouse({ scheduler, gateway, runner, client, url, apiKey }, nats.server);
  }

  /** Deploys a workflow of one step; returns the address of its trigger on this machine. */
  async deploy(name: string, source: string): Promise<string> {
    const workflow = await this.client.workflows.deployWorkflow(
      {
        name: "",
        definitionJson: JSON.stringify({
          name,
          trigger: { http: { respond: "workflow" } },
          steps: [{ name: "only", python: "only.py" }],
        }),
        sources: { "only.py": source },
        checkTimeout: undefined,
        modules: {},
        upgradePackages: false,
        packageTimeout: undefined,
      },
      { deadlineMs: 60_000 },
    );
    return `${this.url}${new URL(workflow.triggers[0]!.url).pathname}`;
  }

  async stop(): Promise<void> {
    this.client.close();
    for (const one of [this.gateway, this.runner, this.scheduler]) await one.stop();
    await this.#nats.stop();
  }
}

/** Asks as the kubelet does, at the path that the chart's probes name. */
export async function probe(container: StartedContainer, path: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${container.port("HEALTH")}${path}`).catch(() => undefined);
  await answer?.arrayBuffer();
  return answer?.status ?? 0;
}

async function waitReady(container: StartedContainer): Promise<void> {
  await until(async () => {
    assert.ok(!container.hasEnded, container.log);
    return (await probe(container, "/readyz")) === 200;
  }, READY_MS);
}

/** Starts the broker from the very configuration that is mounted, with folders and ports of this machine. */
async function startNats(kit: DeployKit, name: string, text: string): Promise<{ server: ScratchServer; port: number }> {
  const folder = join(kit.folder, "nats", name);
  mkdirSync(join(folder, "etc"), { recursive: true });
  mkdirSync(join(folder, "data"));
  const [port, monitor] = [await pickFreePort(), await pickFreePort()];
  const here = (configuration: string): string => configuration.replaceAll("/data", join(folder, "data"));
  writeFileSync(join(folder, "nats-trust.conf"), here(readFileSync(join(kit.secrets, "nats-trust.conf"), "utf8")));
  const adapted = here(text)
    .replace("port: 4222", `host: 127.0.0.1\nport: ${port}`)
    .replace("127.0.0.1:8222", `127.0.0.1:${monitor}`)
    .replace("/tmp/nats.pid", join(folder, "nats.pid"))
    .replace(/include \S+/, "include ../nats-trust.conf");
  const file = join(folder, "etc/nats.conf");
  writeFileSync(file, adapted);
  const launch = {
    command: loadTools().natsServer,
    args: ["--config", file],
    env: { PATH: "/usr/bin:/bin", POD_NAME: "nats-0" },
    cwd: folder,
    deathSignal: "TERM" as const,
  };
  return { server: await startScratchServer(launch, join(folder, "nats.log"), () => isNatsReady(port)), port };
}
