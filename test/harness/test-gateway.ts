import { connectBus, openChannels, type Bus, type Channels } from "@millrace/bus";
import { gatewaySettings, parseSettings } from "@millrace/config";
import { startGateway, type RunningGateway } from "@millrace/gateway";
import { control } from "@millrace/protocol";
import { createGrpcClient, type GrpcClient } from "@millrace/rpc";
import { createVault, migrate, openStore, type Store } from "@millrace/store";
import { createLogger } from "@millrace/telemetry";
import { scratchPostgres, startScratchNats, type ScratchNats, type ScratchPostgres } from "@millrace/testkit";
import { SCRIPTED_RUNNER, TOKEN_KEY } from "./scripted-runner.ts";

/** The key under which test houses keep secrets. */
export const MASTER_KEY = "cd".repeat(32);

/** What the CLI takes too. */
const CLIENT_BYTES_MAX = 64 * 1024 * 1024;

/** How a client calls: with the default project's key at the first gateway unless said otherwise. */
export interface ClientOptions {
  readonly gateway?: number;
  readonly token?: string | undefined;
}

type Definition = Parameters<typeof createGrpcClient>[0];

/** Gateways on a real broker and a real database. Owners and runners are the test's own. */
export interface TestGateways {
  readonly gateways: RunningGateway[];
  readonly store: Store;
  readonly databaseUrl: string;
  readonly postgres: ScratchPostgres;
  readonly nats: ScratchNats;
  /** Connection of the scripted owner and runner. */
  readonly bus: Bus;
  readonly channels: Channels;
  readonly projectId: string;
  readonly key: string;
  /** Key of another project. */
  readonly otherKey: string;
  /** What the scripted owner does with a submit. */
  onSubmit: (submit: control.Submit) => void;
  /** What the scripted runner finds in sources. */
  problems: control.SourceProblem[];
  client<D extends Definition>(definition: D, options?: ClientOptions): GrpcClient<D>;
  /** A further gateway, not closed with the others. */
  start(name: string): Promise<RunningGateway>;
  close(): Promise<void>;
}

/** Starts as many gateways, and a scripted owner of all partitions. */
export async function startTestGateways(count: number, settings: Record<string, string> = {}): Promise<TestGateways> {
  const postgres = await scratchPostgres();
  const databaseUrl = await postgres.createDatabase(async (url) => void (await migrate(url)));
  const nats = await startScratchNats();
  const store = await openStore({ url: databaseUrl, vault: createVault(MASTER_KEY) });
  const { id: projectId } = await store.projects.ensure("default");
  const { id: otherProjectId } = await store.projects.ensure("other");
  const auth = { url: nats.url, user: nats.user, password: nats.password };
  const bus = await connectBus({ ...auth, name: "owner" });
  const channels = openChannels(bus, SCRIPTED_RUNNER);
  const clients: { close(): void }[] = [];
  const env = {
    MILLRACE_NATS_URL: nats.url,
    MILLRACE_NATS_USER: nats.user,
    MILLRACE_NATS_PASSWORD: nats.password,
    MILLRACE_DATABASE_URL: databaseUrl,
    MILLRACE_TOKEN_KEY: TOKEN_KEY,
    MILLRACE_MASTER_KEY: MASTER_KEY,
    MILLRACE_PROVIDER_PRIVATE_ADDRESSES: "true",
    MILLRACE_HTTP_PORT: "0",
    MILLRACE_GRPC_PORT: "0",
    ...settings,
  };
  const log = createLogger({ level: "error", write: () => {} });
  const house: TestGateways = {
    gateways: [],
    store,
    databaseUrl,
    postgres,
    nats,
    bus,
    channels,
    projectId,
    key: (await store.apiKeys.create(projectId, "test")).key,
    otherKey: (await store.apiKeys.create(otherProjectId, "test")).key,
    onSubmit: () => {},
    problems: [],
    client: (definition, options = {}) => {
      const address = `127.0.0.1:${house.gateways[options.gateway ?? 0]!.grpcPort}`;
      const token = "token" in options ? options.token : house.key;
      const made = createGrpcClient(definition, { address, token, messageBytesMax: CLIENT_BYTES_MAX });
      clients.push(made);
      return made;
    },
    start: (name) =>
      startGateway(parseSettings(gatewaySettings, { env: { ...env, MILLRACE_NAME: name }, args: [] }), log),
    close: async () => {
      clearInterval(beats);
      for (const client of clients) client.close();
      await Promise.all(house.gateways.map((gateway) => gateway.drain()));
      await bus.drain(500);
      await store.close();
      await nats.stop();
    },
  };
  bus.subscribe("millrace.p.*.submit", (data) => house.onSubmit(control.Submit.decode(data)));
  channels.check(SCRIPTED_RUNNER.runner).serve(() => ({
    problems: house.problems,
    error: undefined,
    imports: [],
    requirements: [],
    variables: [],
    pythonMinor: "",
  }));
  const beat = { ...control.Heartbeat.decode(new Uint8Array(0)), ...SCRIPTED_RUNNER };
  const beats = setInterval(() => channels.heartbeat().send({ ...beat, stampMs: performance.now() }), 300);
  await bus.flush();
  try {
    for (let i = 0; i < count; i++) house.gateways.push(await house.start(`gateway-${i + 1}`));
  } catch (thrown) {
    // What has started would keep the test's process alive, and its error unseen.
    await house.close();
    throw thrown;
  }
  return house;
}

/** The scripted owner accepts a submit, or turns it away. */
export function accept(
  { channels }: TestGateways,
  submit: control.Submit,
  outcome: control.SubmitOutcome = control.SubmitOutcome.ACCEPTED,
): void {
  const { runId, gateway } = submit;
  channels.accepted(gateway).send({ owner: ownerOf(submit), runId, actualRunId: runId, outcome });
}

/** The scripted owner as messages name it. */
export function ownerOf({ partition }: { partition: number }): control.Owner {
  return { scheduler: "scripted", partition, epoch: 1 };
}
