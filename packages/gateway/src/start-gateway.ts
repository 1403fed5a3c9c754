import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { connectBus, inboxes, openChannels, sharePrimary, subjects, type Bus } from "@millrace/bus";
import { natsOptions, processName, type GatewaySettings } from "@millrace/config";
import { Admission, type RunTokenMac } from "@millrace/core";
import { createGrpcServer, type GrpcServer, type ServiceBinding } from "@millrace/rpc";
import { createVault, openStore, sessionName, type Store } from "@millrace/store";
import {
  addProcessMetrics,
  createMetrics,
  createTracer,
  startParts,
  type Logger,
  type Metrics,
  type ProcessPart,
  type RunningProcess,
  type Tracer,
} from "@millrace/telemetry";
import { openAccountRoom, type AccountRoom } from "./accounts/account-room.ts";
import type { ApiCaller } from "./api/api-caller.ts";
import { RunFence } from "./services/run-fence.ts";
import { ReaderGate } from "./api/reader-gate.ts";
import { HostCalls, type CallHandler } from "./calls/host-calls.ts";
import { linkCalls } from "./calls/link-calls.ts";
import { storeCalls } from "./calls/store-calls.ts";
import { RespondCalls } from "./calls/respond-calls.ts";
import { triggerCalls } from "./calls/trigger-calls.ts";
import { LinkDoor } from "./links/link-door.ts";
import { DefinitionCache } from "./definitions/definition-cache.ts";
import { DefinitionSync } from "./definitions/definition-sync.ts";
import { GatewayPeers } from "./definitions/gateway-peers.ts";
import { draftCalls } from "./drafts/draft-room.ts";
import { TestAddresses } from "./drafts/test-address.ts";
import { openFileRoom, type FileRoom } from "./files/file-room.ts";
import { ByteBudget } from "./http/byte-budget.ts";
import type { CertificateFiles } from "./http/certificate.ts";
import { HttpDoor } from "./http/http-door.ts";
import { WebApp } from "./http/web-app.ts";
import { httpMetrics } from "./http/http-metrics.ts";
import { TriggerHandler } from "./http/trigger-handler.ts";
import { Payloads } from "./payloads/payloads.ts";
import { openMailRoom, type MailRoom } from "./mail/mail-room.ts";
import { openPeopleRoom, type PeopleRoom } from "./people/people-room.ts";
import { openRestDoor } from "./rest/open-rest-door.ts";
import { RunDesk } from "./runs/run-desk.ts";
import { VersionCache } from "./runs/version-cache.ts";
import { ObjectServices } from "./services/object-services.ts";
import { RunnerDirectory } from "./services/runner-directory.ts";
import { RunnerServices } from "./services/runner-services.ts";
import { CredentialIssuer } from "./services/credential-issuer.ts";
import { ApiServices } from "./api/api-services.ts";

/** Bodies of versions in memory: a few MB each at most. */
const VERSIONS_MAX = 64;
/** A call without a deadline of its own: longer than the longest wait that one may ask for. */
const UNARY_DEADLINE_MS = 960_000;

/** A gateway with its doors open. */
export interface RunningGateway extends RunningProcess {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Callers that wait for a run now. */
  readonly waitingCount: () => number;
}

/** Starts a process that is a gateway: connects it to NATS and Postgres, loads the definitions and opens its doors. */
export async function startGateway(settings: GatewaySettings, log: Logger): Promise<RunningGateway> {
  const name = processName("gateway", settings.name);
  const metrics = createMetrics();
  addProcessMetrics(metrics, "gateway");
  const part = new GatewayPart({ name, settings, log, metrics });
  const connect = () => connectBus({ ...natsOptions(settings), inboxPrefix: inboxes.gateway, name, log });
  const running = await startParts({ ...settings, log, metrics, connect, parts: [part] });
  const { httpPort, grpcPort } = part.ports;
  return { ...running, httpPort, grpcPort, waitingCount: () => part.waitingCount };
}

/** What a gateway is made from. */
export interface GatewayPartOptions {
  readonly name: string;
  readonly settings: GatewaySettings;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A gateway as a part of a process. */
export class GatewayPart implements ProcessPart<Bus> {
  readonly drainShare = 0.8;
  readonly checks = { start: () => (this.#gateway === undefined ? "starting" : undefined) };
  readonly #options: GatewayPartOptions;
  #store: Store | undefined;
  #gateway: Gateway | undefined;
  #end: () => Promise<void> = () => Promise.resolve();

  constructor(options: GatewayPartOptions) {
    this.#options = options;
    options.metrics.observe("millrace_gateway_waiting", "Callers that wait for a run.", () => this.waitingCount);
  }

  /** Callers that wait for a run now. */
  get waitingCount(): number {
    return this.#gateway?.status().waiting ?? 0;
  }

  /** Where it listens; 0 before. */
  get ports(): { readonly httpPort: number; readonly grpcPort: number } {
    const { httpPort = 0, grpcPort = 0 } = this.#gateway?.status() ?? {};
    return { httpPort, grpcPort };
  }

  status(): Readonly<Record<string, unknown>> {
    return { gateway: this.#options.name, ...this.#gateway?.status() };
  }

  databaseConnections(): number {
    return this.#store?.primary.connectionCount ?? 0;
  }

  async open(bus: Bus): Promise<void> {
    const { name, settings, log } = this.#options;
    const store = await openStore({
      url: settings.databaseUrl,
      applicationName: sessionName("gateway", name),
      connectionsMax: settings.databasePoolSize,
      statementTimeoutMs: settings.databaseTimeoutMs,
      vault: createVault(settings.masterKey),
      storageBytesMax: settings.storageBytesMax,
    });
    this.#store = store;
    await resealSecrets(store, log);
    const tracer = await createTracer({ endpoint: settings.otlpEndpoint, role: "gateway", name, log });
    const partitionCount = await store.partitions.count();
    const gateway = new Gateway({ ...this.#options, bus, store, tracer, partitionCount });
    await gateway.open();
    this.#gateway = gateway;
    const primaryShare = sharePrimary(openChannels(bus), store.primary);
    this.#end = async () => {
      await gateway.end();
      primaryShare.close();
      await Promise.all([store.close(), tracer.shutdown()]);
    };
  }

  async closeDoors(timeoutMs: number): Promise<void> {
    await this.#gateway?.closeDoors(timeoutMs);
  }

  async drain(timeoutMs: number): Promise<void> {
    await this.closeDoors(timeoutMs);
    await this.#end();
  }
}

/** What is not under the first master key goes under it: values from before there was one, and those of a key that leaves. */
async function resealSecrets(store: Store, log: Logger): Promise<void> {
  const { count, failed, error } = await store.secrets.reseal();
  if (count > 0) log.info("secrets.resealed", { count });
  if (failed > 0) log.error("secrets.locked", { count: failed, error });
}

interface GatewayParts {
  readonly name: string;
  readonly settings: GatewaySettings;
  readonly bus: Bus;
  readonly store: Store;
  readonly tracer: Tracer;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly partitionCount: number;
}

/** A gateway's parts, wired. */
class Gateway {
  readonly #parts: GatewayParts;
  readonly #cache = new DefinitionCache();
  readonly #runners = new RunnerDirectory();
  readonly #channels: ReturnType<typeof openChannels>;
  readonly #mac: RunTokenMac;
  /** Bytes of request bodies held at the same time. */
  readonly #budget: ByteBudget;
  readonly #versions: VersionCache;
  readonly #peers: GatewayPeers;
  readonly #sync: DefinitionSync;
  readonly #payloads: Payloads;
  readonly #objects: ObjectServices;
  readonly #desk: RunDesk;
  readonly #services: RunnerServices;
  readonly #issuer: CredentialIssuer | undefined;
  readonly #calls: HostCalls;
  readonly #mail: MailRoom;
  readonly #accounts: AccountRoom;
  readonly #files: FileRoom;
  readonly #gate: ReaderGate;
  readonly #people: PeopleRoom;
  readonly #addresses: TestAddresses;
  readonly #bindings: readonly ServiceBinding<ApiCaller>[];
  readonly #links: LinkDoor;
  readonly #http: HttpDoor;
  readonly #grpc: GrpcServer;
  #httpPort = 0;
  #grpcPort = 0;
  #doorsClosed: Promise<unknown> | undefined;

  constructor(parts: GatewayParts) {
    const { bus, store, settings, log, name } = parts;
    this.#parts = parts;
    this.#channels = openChannels(bus);
    const key = Buffer.from(settings.tokenKey, "hex");
    const mac = (data: Uint8Array) => createHmac("sha256", key).update(data).digest();
    this.#mac = mac;
    this.#budget = new ByteBudget(settings.requestBytesMax);
    this.#versions = new VersionCache(store.workflows, VERSIONS_MAX);
    // Everybody speaks once in `definitionsCheckMs`; who has missed one turn and a half is not waited for.
    this.#peers = new GatewayPeers(settings.definitionsCheckMs * 1.5, () => performance.now());
    this.#sync = new DefinitionSync({
      gateway: name,
      cache: this.#cache,
      peers: this.#peers,
      workflows: store.workflows,
      log,
      channel: this.#channels.definitions(),
      checkMs: settings.definitionsCheckMs,
    });
    store.primary.onMoved(() => this.#sync.doubt());
    this.#payloads = new Payloads({
      ...{ objects: store.objects, log },
      ...{ eventBytesMax: settings.eventBytesMax, timeoutMs: settings.submitTimeoutMs },
    });
    const fence = new RunFence((key) => store.assignments.find(key));
    this.#desk = new RunDesk({
      gateway: name,
      bus,
      channels: this.#channels,
      runs: store.runs,
      fence,
      mac,
      log,
      payloads: this.#payloads,
      ...{ submitTimeoutMs: settings.submitTimeoutMs, submitResendMs: settings.submitResendMs },
      ...{ waitingMax: settings.waitingRequestsMax, cutOffAfterMs: settings.cutOffAfterMs },
    });
    this.#services = new RunnerServices({
      fence,
      channels: this.#channels,
      versions: this.#versions,
      variables: store.variables,
      log,
      mac,
    });
    this.#issuer = this.#createIssuer();
    this.#objects = new ObjectServices({
      fence,
      channels: this.#channels,
      objects: store.objects,
      mac,
      bytesMax: settings.objectBytesMax,
    });
    this.#calls = new HostCalls({ gateway: name, channels: this.#channels, mac, fence, callsMax: settings.callsMax });
    this.#accounts = openAccountRoom({ ...parts, versions: this.#versions, publicUrl: this.#publicUrl });
    this.#files = openFileRoom({ ...parts, key, publicUrl: this.#publicUrl });
    this.#mail = openMailRoom({ settings, projects: store.projects, log });
    for (const handlers of this.#callHandlers(mac)) this.#calls.register(handlers);
    this.#links = new LinkDoor({
      ...{ desk: this.#desk, runs: store.runs, mac, publicUrl: this.#publicUrl, log, budget: this.#budget },
      ...{ bodyLimitBytes: settings.bodyLimitBytes, trustedProxies: settings.trustedProxies },
    });
    this.#gate = new ReaderGate(settings.tailReadersMax);
    this.#people = openPeopleRoom({ ...parts, cache: this.#cache, sync: this.#sync });
    this.#addresses = new TestAddresses(this.#mac, store.drafts);
    this.#bindings = this.#createServices().bindings();
    this.#http = this.#createHttpDoor();
    this.#grpc = this.#createGrpcDoor();
  }

  /** Gateways without the account's key leave it to others. */
  #createIssuer(): CredentialIssuer | undefined {
    const { settings, store, log } = this.#parts;
    const { natsAccountKey: accountSeed, runnerCredentialLifeMs: lifeMs } = settings;
    if (accountSeed === undefined) return undefined;
    return new CredentialIssuer({
      channels: this.#channels,
      identities: store.runnerIdentities,
      accountSeed,
      lifeMs,
      log,
    });
  }

  /** What user code may ask for, by topic. */
  #callHandlers(mac: RunTokenMac): Readonly<Record<string, CallHandler>>[] {
    const { store, settings, partitionCount } = this.#parts;
    const { streamStallMs: stallMs, streamBytesMax: bytesMax } = settings;
    return [
      storeCalls({
        dataStores: store.dataStores,
        storeBytesMax: settings.dataStoreBytesMax,
        writesMax: Math.ceil(settings.databasePoolSize / 2),
      }),
      new RespondCalls({ desk: this.#desk, stallMs, bytesMax }).handlers,
      this.#accounts.calls,
      this.#files.calls,
      linkCalls({ mac, publicUrl: this.#publicUrl, partitionCount }),
      triggerCalls(this.#cache),
      draftCalls(store, this.#payloads),
      this.#mail.calls,
    ];
  }

  /** Loads what is served and opens the doors, the inner ones first. */
  async open(): Promise<void> {
    const { settings, log, bus } = this.#parts;
    this.#runners.start(this.#channels.heartbeat());
    bus.publish(subjects.rollCall(), new Uint8Array(0));
    this.#desk.start();
    await this.#sync.start();
    bus.onStatus(({ connected }) => connected && void this.#sync.compare());
    this.#services.start();
    this.#issuer?.start();
    this.#objects.start();
    this.#calls.start();
    this.#people.callers.start();
    this.#grpcPort = await this.#grpc.listen(settings.host, settings.grpcPort, this.#certificate);
    this.#httpPort = await this.#http.listen();
    this.#grpc.setServing(true);
    log.info("gateway.listening", { http: this.#httpPort, grpc: this.#grpcPort, publicUrl: this.#publicUrl() });
  }

  /** What `/status` tells of this gateway. */
  status(): { httpPort: number; grpcPort: number; generation: number; waiting: number } {
    const { generation } = this.#cache;
    return { httpPort: this.#httpPort, grpcPort: this.#grpcPort, generation, waiting: this.#desk.waitingCount };
  }

  /** Takes nothing new and answers what is under way. */
  closeDoors(timeoutMs: number): Promise<unknown> {
    this.#gate.close();
    this.#doorsClosed ??= Promise.all([this.#http.drain(timeoutMs), this.#grpc.drain(timeoutMs)]);
    return this.#doorsClosed;
  }

  /** Leaves. */
  async end(): Promise<void> {
    await this.#people.callers.stop();
    this.#services.stop();
    this.#issuer?.stop();
    this.#objects.stop();
    this.#calls.stop();
    this.#mail.close();
    this.#sync.stop();
    this.#desk.stop();
    this.#runners.stop();
  }

  get #certificate(): CertificateFiles | undefined {
    const { tlsCertFile: certFile, tlsKeyFile: keyFile } = this.#parts.settings;
    return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
  }

  readonly #publicUrl = (): string => {
    const { publicUrl, host } = this.#parts.settings;
    return (publicUrl ?? `${this.#certificate ? "https" : "http"}://${reachable(host)}:${this.#httpPort}`).replace(
      /\/+$/,
      "",
    );
  };

  #origin() {
    return { gateway: this.#parts.name, partitionCount: this.#parts.partitionCount };
  }

  #createHttpDoor(): HttpDoor {
    const { settings, tracer, log } = this.#parts;
    const triggers = new TriggerHandler({
      cache: this.#cache,
      desk: this.#desk,
      payloads: this.#payloads,
      uploads: this.#files.uploads,
      origin: this.#origin(),
      tracer,
      log,
      publicUrl: this.#publicUrl,
      bodyLimitBytes: settings.bodyLimitBytes,
      budget: this.#budget,
      waitMs: settings.httpWaitMs,
      admission: this.#createAdmission(),
      trustedProxies: settings.trustedProxies,
      tests: this.#addresses,
    });
    return new HttpDoor({
      host: settings.host,
      port: settings.httpPort,
      triggers,
      oauth: this.#accounts.door,
      links: this.#links,
      files: this.#files.door,
      rest: openRestDoor({
        ...{ settings, log, people: this.#people, services: this.#bindings, budget: this.#budget },
        publicUrl: this.#publicUrl,
        deadlineMs: UNARY_DEADLINE_MS,
        version: houseVersion(),
      }),
      web: new WebApp(settings.webDir, log),
      answered: httpMetrics(this.#parts.metrics),
      log,
      headerLimitBytes: settings.headerLimitBytes,
      requestTimeoutMs: settings.requestTimeoutMs,
      uploadTimeoutMs: settings.uploadTimeoutMs,
      connectionsMax: settings.connectionsMax,
      certificate: this.#certificate,
      describe: () => ({
        grpc: `${this.#certificate ? "grpcs://" : ""}${this.#grpcHost()}:${this.#grpcPort}`,
        version: houseVersion(),
      }),
    });
  }

  #createAdmission(): Admission {
    const { settings, metrics } = this.#parts;
    const admission = new Admission({ waitMs: settings.answerDelayMs });
    const refused = "Requests refused because too many waited for answers of the same workflow.";
    metrics.observe("millrace_gateway_overload_refusals_total", refused, () => admission.refusedCount, "counter");
    const bounded = "Workflows of which requests are being refused because too many wait for answers.";
    metrics.observe("millrace_gateway_overloaded_workflows", bounded, () => admission.boundedCount);
    return admission;
  }

  /** What the API offers, over gRPC and over HTTP. */
  #createServices(): ApiServices {
    return new ApiServices({
      ...{ ...this.#parts, mac: this.#mac, version: houseVersion(), channels: this.#channels, cache: this.#cache },
      ...{ sync: this.#sync, peers: this.#peers, runners: this.#runners, versions: this.#versions, desk: this.#desk },
      ...{ payloads: this.#payloads, budget: this.#budget, files: this.#files, accounts: this.#accounts },
      people: this.#people,
      ...{ gate: this.#gate, addresses: this.#addresses, origin: this.#origin(), publicUrl: this.#publicUrl },
    });
  }

  #createGrpcDoor(): GrpcServer {
    const { settings, log } = this.#parts;
    return createGrpcServer<ApiCaller>({
      services: this.#bindings,
      authenticate: (credentials) => this.#people.callers.authenticate(credentials),
      log,
      reflection: true,
      health: true,
      limits: { messageBytesMax: settings.grpcMessageBytesMax, unaryDeadlineMs: UNARY_DEADLINE_MS },
    });
  }

  /** Clients reach the gRPC port under the name under which they reach the house. */
  #grpcHost(): string {
    const { publicUrl, host } = this.#parts.settings;
    return publicUrl === undefined ? reachable(host) : new URL(publicUrl).hostname;
  }
}

/** An address that stands for all of the machine's is none to connect to. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

let version: string | undefined;

/** The release that this process is of. */
function houseVersion(): string {
  version ??= (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string })
    .version;
  return version;
}
