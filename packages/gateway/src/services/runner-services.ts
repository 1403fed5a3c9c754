import type { BusSubscription, Channels } from "@millrace/bus";
import {
  coerceError,
  parseWorkflowDefinition,
  verifyRunnersToken,
  type RunTokenClaims,
  type RunTokenMac,
} from "@millrace/core";
import type { control, session } from "@millrace/protocol";
import type { VariableSet, Variables, VersionBody } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { durationOf, sourceModules, stepCodes } from "../deploy/read-deploy.ts";
import type { VersionCache } from "../runs/version-cache.ts";
import type { RunFence } from "./run-fence.ts";

/** Projects whose variables are kept for the time in which the database is away. */
const PROJECTS_MAX = 1_000;

export interface RunnerServicesOptions {
  readonly channels: Channels;
  readonly versions: VersionCache;
  readonly variables: Variables;
  readonly mac: RunTokenMac;
  readonly fence: Pick<RunFence, "assertNotTaken">;
  readonly log: Logger;
}

/**
 * What runners ask for on behalf of user code: versions and environment variables. No runner is believed: the run token
 * alone says which version and which project is meant.
 */
export class RunnerServices {
  readonly #options: RunnerServicesOptions;
  readonly #environments = new Map<string, VariableSet>();
  #subscriptions: BusSubscription[] = [];

  constructor(options: RunnerServicesOptions) {
    this.#options = options;
  }

  start(): void {
    const { channels } = this.#options;
    this.#subscriptions = [
      channels.version().serve((request, { runner }) => this.getVersion(request, runner)),
      channels.environment().serve((request, { runner }) => this.getEnvironment(request, runner)),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  async getVersion({ runToken }: control.GetVersionRequest, runner: string): Promise<control.GetVersionResponse> {
    const { versionId } = this.#verify(runToken, runner);
    return { version: toLoadVersion(await this.#options.versions.get(versionId)), error: undefined };
  }

  async getEnvironment(
    request: control.GetEnvironmentRequest,
    runner: string,
  ): Promise<control.GetEnvironmentResponse> {
    const claims = this.#verify(request.runToken, runner);
    const [{ generation, variables }] = await Promise.all([
      this.#environmentOf(claims.projectId),
      this.#options.fence.assertNotTaken(claims),
    ]);
    // A runner without variables says 0, which is also the generation of a project that never had any.
    const changed = request.knownGeneration === 0 || generation !== request.knownGeneration;
    return {
      generation,
      changed,
      variables: changed ? Object.fromEntries(variables.map(({ name, value }) => [name, value])) : {},
      secretNames: changed ? variables.filter(({ secret }) => secret).map(({ name }) => name) : [],
      error: undefined,
    };
  }

  /** As the database has them; while it is away, as they were last. */
  async #environmentOf(projectId: string): Promise<VariableSet> {
    const known = this.#environments.get(projectId);
    try {
      const newer = await this.#options.variables.load(projectId, known?.generation ?? -1);
      const set = newer ?? known ?? { generation: 0, variables: [] };
      this.#environments.delete(projectId);
      this.#environments.set(projectId, set);
      if (this.#environments.size > PROJECTS_MAX) this.#environments.delete(this.#environments.keys().next().value!);
      return set;
    } catch (thrown) {
      if (known === undefined) throw thrown;
      this.#options.log.warn("environment.stale", { error: coerceError(thrown) });
      return known;
    }
  }

  #verify(runToken: string, runner: string): RunTokenClaims {
    return verifyRunnersToken(runToken, runner, this.#options.mac, Date.now());
  }
}

/** A version as a worker loads it. */
function toLoadVersion({ id, definition: stored, sources, modules, packages }: VersionBody): session.LoadVersion {
  const definition = parseWorkflowDefinition(stored);
  const { memoryBytes, stepTimeoutMs, tmpBytes, cpuMillis, processes, logBytes } = definition.settings;
  return {
    versionId: id,
    steps: stepCodes(definition, sources),
    memoryBytes,
    stepTimeout: durationOf(stepTimeoutMs),
    modules: sourceModules(modules),
    packages: packages === null ? undefined : { ...packages, folder: "" },
    limits: { tmpBytes, cpuMillis, processesMax: processes, logBytesMax: logBytes },
  };
}
