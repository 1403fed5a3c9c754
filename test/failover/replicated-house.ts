import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { openApiClient, type ApiClient } from "@millrace/cli";
import { checkoutFolder, loadTools, pickFreePort, toolsFolder, type Launch } from "@millrace/provision";
import { migrate, openStore } from "@millrace/store";
import {
  scratchFolder,
  startReplicatedPostgres,
  startScratchNats,
  startScratchServer,
  type ReplicatedPostgres,
  type ScratchNats,
  type ScratchServer,
} from "@millrace/testkit";

const TOKEN_KEY = "ab".repeat(32);
const MASTER_KEY = "cd".repeat(32);

/** A house on two database servers: two gateways, two schedulers and a runner, as processes of their own. */
export class ReplicatedHouse {
  readonly postgres: ReplicatedPostgres;
  readonly folder: string;
  readonly gateways: readonly string[];
  readonly client: ApiClient;
  readonly #nats: ScratchNats;
  readonly #processes: readonly ScratchServer[];

  private constructor(
    parts: Pick<ReplicatedHouse, "postgres" | "folder" | "gateways" | "client">,
    nats: ScratchNats,
    processes: readonly ScratchServer[],
  ) {
    this.postgres = parts.postgres;
    this.folder = parts.folder;
    this.gateways = parts.gateways;
    this.client = parts.client;
    this.#nats = nats;
    this.#processes = processes;
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<ReplicatedHouse> {
    const folder = scratchFolder();
    const [postgres, nats] = await Promise.all([startReplicatedPostgres(), startScratchNats()]);
    await migrate(postgres.url);
    const apiKey = await createKey(postgres.url);
    const common = {
      MILLRACE_NATS_URL: nats.url,
      MILLRACE_NATS_USER: nats.user,
      MILLRACE_NATS_PASSWORD: nats.password,
      MILLRACE_DATABASE_URL: postgres.url,
      MILLRACE_TOKEN_KEY: TOKEN_KEY,
      MILLRACE_DRAIN_TIMEOUT_MS: "2000",
      ...settings,
    };
    const start = (role: string, name: string, own: Readonly<Record<string, string>> = {}): Promise<ScratchServer> =>
      startProcess(folder, role, name, { ...common, ...own });
    const schedulers = await Promise.all(["scheduler-1", "scheduler-2"].map((name) => start("scheduler", name)));
    const { python, bwrap } = loadTools();
    const runner = await start("runner", "runner-1", {
      MILLRACE_DATA_DIR: join(folder, "runner"),
      MILLRACE_PYTHON: python,
      MILLRACE_BUBBLEWRAP: bwrap,
    });
    const ports = await Promise.all(["gateway-1", "gateway-2"].map(() => pickFreePort()));
    const gateways = await Promise.all(
      ports.map((port, index) =>
        start("gateway", `gateway-${index + 1}`, {
          MILLRACE_MASTER_KEY: MASTER_KEY,
          MILLRACE_HTTP_PORT: String(port),
          MILLRACE_GRPC_PORT: "0",
        }),
      ),
    );
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const client = await openApiClient({ url: urls[0]!, apiKey });
    return new ReplicatedHouse({ postgres, folder, gateways: urls, client }, nats, [
      ...gateways,
      runner,
      ...schedulers,
    ]);
  }

  /** Deploys a workflow with an HTTP trigger; returns the path of its address. */
  async deploy(name: string, steps: Readonly<Record<string, string>>, respond = "immediate"): Promise<string> {
    const files = Object.entries(steps).map(([step, source], index) => ({ step, file: `step_${index}.py`, source }));
    const { triggers } = await this.client.workflows.deployWorkflow(
      {
        name: "",
        definitionJson: JSON.stringify({
          name,
          trigger: { http: { respond } },
          steps: files.map(({ step, file }) => ({ name: step, python: file })),
        }),
        sources: Object.fromEntries(files.map(({ file, source }) => [file, source])),
        checkTimeout: undefined,
        modules: {},
        upgradePackages: false,
        packageTimeout: undefined,
      },
      { deadlineMs: 60_000 },
    );
    return new URL(triggers[0]?.url ?? "").pathname;
  }

  /** What a process has logged. */
  logOf(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), "utf8");
  }

  async stop(): Promise<void> {
    this.client.close();
    for (const process of this.#processes) await process.stop("SIGTERM").catch(() => process.stop("SIGKILL"));
    await Promise.all([this.#nats.stop(), this.postgres.stop()]);
  }
}

async function createKey(url: string): Promise<string> {
  const store = await openStore({ url, applicationName: "millrace-test", connectionsMax: 1 });
  try {
    const project = await store.projects.ensure("default");
    return (await store.apiKeys.create(project.id, "test")).key;
  } finally {
    await store.close();
  }
}

async function startProcess(
  folder: string,
  role: string,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<ScratchServer> {
  const port = await pickFreePort();
  mkdirSync(join(folder, name));
  const launch: Launch = {
    command: process.execPath,
    args: [join(checkoutFolder, "packages", role, "src/main.ts")],
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: folder,
      NODE_COMPILE_CACHE: join(toolsFolder, "compile-cache"),
      MILLRACE_NAME: name,
      MILLRACE_HEALTH_PORT: String(port),
      ...settings,
    },
    cwd: join(folder, name),
    deathSignal: "KILL",
  };
  const isReady = async (): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  };
  return startScratchServer(launch, join(folder, `${name}.log`), isReady);
}
