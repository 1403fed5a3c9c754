import { existsSync, writeFileSync } from "node:fs";
import { createCluster } from "@millrace/provision";
import { readWorkers } from "./health.ts";
import { endLeftovers } from "./leftovers.ts";
import {
  clusterOf,
  databaseName,
  databaseUrlOf,
  natsPlan,
  postgresPlan,
  processPlan,
  type HouseSettings,
} from "./process-plans.ts";
import type { ProcessStatus } from "./status-socket.ts";
import { SupervisedProcess } from "./supervised-process.ts";

const startTimeoutMs = 60_000;

/** All processes of a house on one machine, in the order in which they are started and, backwards, stopped. */
export class House {
  readonly #settings: HouseSettings;
  readonly #postgres: SupervisedProcess;
  readonly #nats: SupervisedProcess;
  readonly #runner: SupervisedProcess;
  /** Whoever has the doors: the gateway, or the hub. */
  readonly #door: SupervisedProcess;
  /** Absent where the hub is the scheduler too. */
  readonly #scheduler: SupervisedProcess | undefined;
  #started: Promise<unknown> = Promise.resolve();
  /** The administrator's, when this start has made one. */
  #firstPassword: string | undefined;

  constructor(settings: HouseSettings) {
    this.#settings = settings;
    this.#postgres = new SupervisedProcess(postgresPlan(settings));
    this.#nats = new SupervisedProcess(natsPlan(settings));
    const { separate } = settings;
    this.#scheduler = separate ? new SupervisedProcess(processPlan(settings, "scheduler")) : undefined;
    this.#runner = new SupervisedProcess(processPlan(settings, "runner"));
    this.#door = new SupervisedProcess(processPlan(settings, separate ? "gateway" : "hub"));
  }

  /** Starts everything, side by side as far as one does not need the other, and returns when all are ready. */
  async start(): Promise<void> {
    this.#started = this.#startAll();
    await this.#started;
  }

  async #startAll(): Promise<void> {
    const nats = this.#nats.start(startTimeoutMs);
    const record = this.#startRecord();
    await Promise.all([
      Promise.all([nats, record]).then(() =>
        Promise.all([this.#scheduler?.start(startTimeoutMs), this.#door.start(startTimeoutMs)]),
      ),
      nats.then(() => this.#runner.start(startTimeoutMs)),
    ]);
  }

  async #startRecord(): Promise<void> {
    const { folder, state } = this.#settings;
    // Loaded while Postgres starts, and by no other command than this: the database's client takes time to load.
    const preparing = import("./prepare-record.ts");
    const first = existsSync(folder.passwordFile)
      ? undefined
      : preparing.then(({ makeFirstPassword }) => makeFirstPassword());
    first?.catch(() => undefined);
    await createCluster(clusterOf(this.#settings), {
      role: databaseName,
      password: state.databasePassword,
      superuser: false,
    });
    await this.#postgres.start(startTimeoutMs);
    const { prepareRecord } = await preparing;
    const { apiKey, password } = await prepareRecord(databaseUrlOf(state), folder.apiKeyFile, first);
    if (apiKey !== undefined) {
      writeFileSync(folder.apiKeyFile, `${apiKey}\n`, { mode: 0o600 });
    }
    if (password !== undefined) {
      writeFileSync(folder.passwordFile, `${password}\n`, { mode: 0o600 });
      this.#firstPassword = password;
    }
  }

  /** The password of the administrator that this start has made; undefined when there was one. */
  get firstPassword(): string | undefined {
    return this.#firstPassword;
  }

  /** Lets everything finish what it has: first whoever brings in work, last what the others rest on. */
  async drain(): Promise<void> {
    await (this.#scheduler === undefined ? this.#door.retreat() : this.#door.stop());
    for (const process of [this.#runner, this.#scheduler ?? this.#door, this.#nats, this.#postgres]) {
      await process.stop();
    }
    await this.#givenUp();
    await endLeftovers(this.#settings.state.id, 0);
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    await Promise.all(this.#all().map((process) => process.kill()));
    await this.#givenUp();
    await endLeftovers(this.#settings.state.id, 0);
  }

  /** A start that is still under way ends at its next step, once its processes were told to stop. */
  #givenUp(): Promise<unknown> {
    return this.#started.catch(() => undefined);
  }

  /** Every process and whether it is ready, asked now. */
  async status(): Promise<ProcessStatus[]> {
    const own = this.#all().map(async (process): Promise<ProcessStatus> => {
      const ready = await process.isReady();
      return {
        role: process.role,
        ...(process.pid !== undefined && { pid: process.pid }),
        ready,
        restarts: process.restarts,
      };
    });
    const workers = await readWorkers(this.#settings.ports.health.runner);
    return [...(await Promise.all(own)), ...workers.map(({ pid, ready }) => ({ role: "worker" as const, pid, ready }))];
  }

  #all(): SupervisedProcess[] {
    return [this.#door, ...(this.#scheduler ? [this.#scheduler] : []), this.#runner, this.#nats, this.#postgres];
  }
}
