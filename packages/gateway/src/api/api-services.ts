import { openLogStream, readLeases, type Bus, type Channels } from "@millrace/bus";
import type { GatewaySettings } from "@millrace/config";
import type { RunTokenMac } from "@millrace/core";
import {
  accountApi,
  apiKeyApi,
  dataStoreApi,
  deadLetterApi,
  draftApi,
  fileApi,
  historyApi,
  houseApi,
  poolApi,
  projectApi,
  runApi,
  seriesApi,
  sessionApi,
  userApi,
  useApi,
  variableApi,
  versionApi,
  workflowApi,
} from "@millrace/protocol";
import { implement, type ServiceBinding } from "@millrace/rpc";
import type { Store } from "@millrace/store";
import type { Logger, Tracer } from "@millrace/telemetry";
import type { AccountRoom } from "../accounts/account-room.ts";
import type { ApiCaller } from "./api-caller.ts";
import { DataStoreService } from "./data-store-service.ts";
import { DeadLetterService } from "./dead-letter-service.ts";
import { HistoryService } from "./history-service.ts";
import { HouseService } from "./house-service.ts";
import { PoolService } from "./pool-service.ts";
import { PoolLoadSurvey } from "../services/pool-loads.ts";
import type { ReaderGate } from "./reader-gate.ts";
import { RunLogs } from "./run-logs.ts";
import { RunService } from "./run-service.ts";
import { RunValues } from "./run-values.ts";
import { ProjectService } from "./project-service.ts";
import { RunStarter } from "./run-starter.ts";
import { SubmitStreams } from "./submit-streams.ts";
import { Deployer } from "../deploy/deployer.ts";
import { PackagePreparation } from "../deploy/package-preparation.ts";
import { SourceCheck } from "../deploy/source-check.ts";
import { SeriesService } from "./series-service.ts";
import { UseService } from "./use-service.ts";
import { VariableService } from "./variable-service.ts";
import { WorkflowService } from "./workflow-service.ts";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { DefinitionSync } from "../definitions/definition-sync.ts";
import type { GatewayPeers } from "../definitions/gateway-peers.ts";
import { openDraftRoom } from "../drafts/draft-room.ts";
import type { TestAddresses } from "../drafts/test-address.ts";
import type { FileRoom } from "../files/file-room.ts";
import type { ByteBudget } from "../http/byte-budget.ts";
import { TakenResults } from "../payloads/taken-results.ts";
import type { Payloads } from "../payloads/payloads.ts";
import type { PeopleRoom } from "../people/people-room.ts";
import { RunFeed } from "../runs/run-feed.ts";
import { EndWatch } from "../runs/end-watch.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import type { VersionCache } from "../runs/version-cache.ts";
import type { RunnerDirectory } from "../services/runner-directory.ts";
import { checkEncryption } from "../services/encryption-check.ts";
import { checkLeases } from "../services/lease-check.ts";
import type { SubmitOrigin } from "../runs/build-submit.ts";

/** What the services of the API rest on. */
export interface ApiServiceParts {
  readonly name: string;
  readonly version: string;
  readonly settings: GatewaySettings;
  readonly bus: Bus;
  readonly store: Store;
  readonly tracer: Tracer;
  readonly log: Logger;
  readonly partitionCount: number;
  readonly channels: Channels;
  readonly cache: DefinitionCache;
  readonly sync: DefinitionSync;
  readonly peers: GatewayPeers;
  readonly runners: RunnerDirectory;
  readonly versions: VersionCache;
  readonly desk: RunDesk;
  readonly payloads: Payloads;
  readonly budget: ByteBudget;
  readonly files: FileRoom;
  readonly accounts: AccountRoom;
  readonly people: PeopleRoom;
  readonly gate: ReaderGate;
  readonly addresses: TestAddresses;
  readonly mac: RunTokenMac;
  readonly origin: SubmitOrigin;
  readonly publicUrl: () => string;
}

/** Makes the services of the API, wired. */
export class ApiServices {
  readonly #parts: ApiServiceParts;

  constructor(parts: ApiServiceParts) {
    this.#parts = parts;
  }

  /** What the API offers, over gRPC and over HTTP. */
  bindings(): ServiceBinding<ApiCaller>[] {
    const check = new SourceCheck(this.#parts.channels, this.#parts.runners);
    const deployer = this.#deployer(check);
    const logs = this.#runLogs();
    const workflows = this.#workflowService(deployer);
    const drafts = openDraftRoom({
      ...this.#parts,
      ...{ deployer, check, logs },
      toWorkflow: (deployed) => workflows.toDeployed(deployed),
    });
    return [
      implement(workflowApi.WorkflowServiceService, workflows),
      implement(draftApi.DraftServiceService, drafts.drafts),
      implement(versionApi.VersionServiceService, drafts.versions),
      implement(runApi.RunServiceService, this.#runService(logs)),
      implement(deadLetterApi.DeadLetterServiceService, this.#deadLetterService()),
      implement(historyApi.HistoryServiceService, this.#historyService()),
      implement(variableApi.VariableServiceService, this.#variableService()),
      implement(accountApi.AccountServiceService, this.#parts.accounts.service),
      implement(fileApi.FileServiceService, this.#parts.files.service),
      implement(dataStoreApi.DataStoreServiceService, this.#dataStoreService()),
      implement(projectApi.ProjectServiceService, new ProjectService(this.#parts.store)),
      implement(useApi.UseServiceService, new UseService(this.#parts.store.uses)),
      implement(houseApi.HouseServiceService, this.#houseService()),
      implement(poolApi.PoolServiceService, this.#poolService()),
      implement(
        seriesApi.SeriesServiceService,
        new SeriesService({ series: this.#parts.store.series, cache: this.#parts.cache }),
      ),
      implement(sessionApi.SessionServiceService, this.#parts.people.sessions),
      implement(userApi.UserServiceService, this.#parts.people.users),
      implement(apiKeyApi.ApiKeyServiceService, this.#parts.people.apiKeys),
    ];
  }

  #workflowService(deployer: Deployer): WorkflowService {
    return new WorkflowService({
      workflows: this.#parts.store.workflows,
      runs: this.#parts.store.runs,
      versions: this.#parts.versions,
      deployer,
      publish: (generation) => this.#parts.sync.publish(generation),
      publicUrl: this.#parts.publicUrl,
    });
  }

  #deployer(check: SourceCheck): Deployer {
    return new Deployer({
      workflows: this.#parts.store.workflows,
      versions: this.#parts.versions,
      check,
      packages: new PackagePreparation(this.#parts.channels, this.#parts.runners),
      runners: this.#parts.runners,
      packageUrlsAllowed: this.#parts.settings.packageUrls === "allowed",
      publish: (generation) => this.#parts.sync.publish(generation),
    });
  }

  #runLogs(): RunLogs {
    const { store, bus, partitionCount } = this.#parts;
    const stream = openLogStream(bus, this.#parts.mac);
    return new RunLogs({ runs: store.runs, logs: store.logs, stream, cache: this.#parts.cache, partitionCount });
  }

  #runService(logs: RunLogs): RunService {
    const { store, settings } = this.#parts;
    const { cache, gate } = this.#parts;
    const starter = this.#runStarter();
    return new RunService({
      runs: store.runs,
      cache,
      versions: this.#parts.versions,
      runners: this.#parts.runners,
      desk: this.#parts.desk,
      starter,
      submits: this.#submitStreams(starter),
      logs,
      ends: new EndWatch({ runs: store.runs, waitersMax: settings.waitingRequestsMax, log: this.#parts.log }),
      gate,
      feed: new RunFeed({
        ...{ gateway: this.#parts.name, channels: this.#parts.channels, runs: store.runs, log: this.#parts.log },
        readSchedulers: () => readLeases(this.#parts.bus),
      }),
      values: new RunValues(this.#parts.payloads),
      files: this.#parts.files.ofRuns,
    });
  }

  #submitStreams(starter: RunStarter): SubmitStreams {
    const { settings, cache, gate, budget, people, log } = this.#parts;
    return new SubmitStreams({
      ...{ starter, cache, gate, budget, log },
      authenticate: (credentials) => people.callers.authenticate(credentials),
      streamsMax: settings.submitStreamsMax,
      limits: {
        runsMax: settings.submitStreamRunsMax,
        bytesMax: settings.submitStreamBytesMax,
        idleMs: settings.submitStreamIdleMs,
      },
    });
  }

  #runStarter(): RunStarter {
    return new RunStarter({
      cache: this.#parts.cache,
      desk: this.#parts.desk,
      origin: this.#parts.origin,
      tracer: this.#parts.tracer,
      gate: this.#parts.gate,
      uploads: this.#parts.files.uploads,
      results: new TakenResults(this.#parts.store.objects),
    });
  }

  #historyService(): HistoryService {
    const { retentions, storage } = this.#parts.store;
    return new HistoryService({ retentions, storage, cache: this.#parts.cache });
  }

  #deadLetterService(): DeadLetterService {
    const { store, settings } = this.#parts;
    return new DeadLetterService({
      runs: store.runs,
      deadLetters: store.deadLetters,
      cache: this.#parts.cache,
      starter: this.#runStarter(),
      replaysPerSecond: settings.replaysPerSecond,
    });
  }

  #variableService(): VariableService {
    const { variables } = this.#parts.store;
    return new VariableService({ variables, announce: () => this.#parts.sync.publish(this.#parts.cache.generation) });
  }

  #dataStoreService(): DataStoreService {
    const { store, settings } = this.#parts;
    return new DataStoreService({ dataStores: store.dataStores, storeBytesMax: settings.dataStoreBytesMax });
  }

  #poolService(): PoolService {
    const loads = new PoolLoadSurvey(this.#parts.channels, () => readLeases(this.#parts.bus));
    return new PoolService({ runners: this.#parts.runners, loads, channels: this.#parts.channels });
  }

  #houseService(): HouseService {
    const { name, store, bus, log, settings } = this.#parts;
    return new HouseService({
      gateway: name,
      version: this.#parts.version,
      publicUrl: this.#parts.publicUrl,
      peers: this.#parts.peers,
      log,
      runners: this.#parts.runners,
      readSchedulers: () => readLeases(bus),
      isBrokerConnected: () => bus.connected,
      checkDurability: async () => [
        ...(await store.housekeeping.checkDurability()),
        ...(await store.secrets.check()),
        ...checkEncryption(settings),
        ...(await checkLeases(bus)),
      ],
    });
  }
}
