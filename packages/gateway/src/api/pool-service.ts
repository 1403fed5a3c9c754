import type { Channels } from "@millrace/bus";
import { coerceError, PlatformError } from "@millrace/core";
import { poolApi } from "@millrace/protocol";
import type { PoolLoad, PoolLoadSurvey } from "../services/pool-loads.ts";
import type { RunnerDirectory, SeenRunner } from "../services/runner-directory.ts";
import { assertAdministrator, type ApiContext } from "./api-caller.ts";
import { durationOf } from "./durations.ts";
import { parsePoolName, parseRunnerName } from "./resource-names.ts";

/** For a runner to say that it drains. */
const DRAIN_MS = 3_000;
const NOTHING: PoolLoad = { waiting: 0, running: 0, oldestWaitMs: 0 };

export interface PoolServiceOptions {
  readonly runners: RunnerDirectory;
  readonly loads: PoolLoadSurvey;
  readonly channels: Pick<Channels, "drain">;
}

/** `millrace.api.v1.PoolService`. */
export class PoolService {
  readonly #options: PoolServiceOptions;

  constructor(options: PoolServiceOptions) {
    this.#options = options;
  }

  async listPools(): Promise<poolApi.ListPoolsResponse> {
    const { runners, loads } = this.#options;
    const { pools, complete } = await loads.ask();
    const living = runners.living();
    const names = new Set([...pools.keys(), ...living.map(({ heartbeat }) => heartbeat.pool)]);
    const listed = [...names].sort().map((name) => toPool(name, living, pools.get(name) ?? NOTHING, !complete));
    return { pools: listed };
  }

  async getPool({ name }: poolApi.GetPoolRequest): Promise<poolApi.Pool> {
    const pool = parsePoolName(name);
    const { pools, complete } = await this.#options.loads.ask();
    return toPool(pool, this.#options.runners.living(), pools.get(pool) ?? NOTHING, !complete);
  }

  async listRunners({ parent }: poolApi.ListRunnersRequest): Promise<poolApi.ListRunnersResponse> {
    const pool = parent === "" || parent === "pools/-" ? undefined : parsePoolName(parent);
    const living = this.#options.runners.living();
    return { runners: living.filter(({ heartbeat }) => pool === undefined || heartbeat.pool === pool).map(toRunner) };
  }

  async drainRunner({ name }: poolApi.DrainRunnerRequest, { principal }: ApiContext): Promise<poolApi.Runner> {
    assertAdministrator(principal);
    const { pool, runner } = parseRunnerName(name);
    const found = this.#options.runners
      .living()
      .find(({ heartbeat }) => heartbeat.runner === runner && (pool === undefined || heartbeat.pool === pool));
    if (!found) throw new PlatformError("NotFound", "RUNNER_NOT_FOUND", `there is no runner "${runner}"`);
    const { incarnation } = found.heartbeat;
    try {
      const { runCount } = await this.#options.channels.drain(runner).request({ incarnation }, { timeoutMs: DRAIN_MS });
      return { ...toRunner(found), state: poolApi.RunnerState.DRAINING, runCount };
    } catch (thrown) {
      const error = coerceError(thrown);
      if (!error.reason.startsWith("BUS_")) throw error;
      // One that drains already may have ended meanwhile.
      if (this.#isDraining(runner, incarnation)) return { ...toRunner(found), state: poolApi.RunnerState.DRAINING };
      const message = `the runner "${runner}" does not answer: it starts, ends or is cut off; what it is shows in the list soon`;
      throw new PlatformError("FailedPrecondition", "RUNNER_SILENT", message, { cause: error });
    }
  }

  #isDraining(runner: string, incarnation: string): boolean {
    const heard = this.#options.runners.living().map(({ heartbeat }) => heartbeat);
    const known = heard.find((beat) => beat.runner === runner && beat.incarnation === incarnation);
    return known === undefined || (known.draining && !known.starting);
  }
}

function toPool(pool: string, living: readonly SeenRunner[], load: PoolLoad, incomplete: boolean): poolApi.Pool {
  const runners = living.map(({ heartbeat }) => heartbeat).filter((one) => one.pool === pool);
  const open = runners.filter(({ draining }) => !draining);
  return {
    name: `pools/${pool}`,
    waitingCount: load.waiting,
    runningCount: load.running,
    slotCount: open.reduce((sum, { slotsTotal }) => sum + slotsTotal, 0),
    freeSlotCount: open.reduce((sum, { slotsFree }) => sum + slotsFree, 0),
    runnerCount: runners.length,
    incomplete,
    oldestWait: load.waiting === 0 ? undefined : durationOf(load.oldestWaitMs),
  };
}

function toRunner({ heartbeat, seenAtMs }: SeenRunner): poolApi.Runner {
  const { runner, pool, slotsTotal, slotsFree, held, labels, pythonMinors, warmVersions, draining } = heartbeat;
  const { memoryBytes, coldStarts } = heartbeat;
  return {
    name: `pools/${pool}/runners/${runner}`,
    runner,
    pool,
    state: stateOf(heartbeat),
    slotCount: slotsTotal,
    freeSlotCount: draining ? 0 : slotsFree,
    runCount: held.length,
    labels,
    pythonMinors,
    warmEnvironments: warmVersions.map(({ versionId, idle }) => ({ versionId, idleCount: idle })),
    seenTime: new Date(Date.now() - (performance.now() - seenAtMs)),
    memoryBytes,
    coldStartCount: coldStarts,
  };
}

function stateOf({ draining, starting }: SeenRunner["heartbeat"]): poolApi.RunnerState {
  if (starting) return poolApi.RunnerState.STARTING;
  return draining ? poolApi.RunnerState.DRAINING : poolApi.RunnerState.READY;
}
