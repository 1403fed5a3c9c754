import { chmodSync } from "node:fs";
import { join } from "node:path";
import {
  clusterLaunch,
  createCluster,
  isClusterReady,
  loadTools,
  pickFreePort,
  type PostgresCluster,
} from "@millrace/provision";
import { Client } from "pg";
import { scratchFolder } from "./scratch-folder.ts";
import { startScratchServer, type ScratchServer } from "./scratch-server.ts";

/** A real Postgres for one test process. */
export interface ScratchPostgres {
  /** A superuser's address, of a database that tests leave alone. */
  readonly url: string;
  /**
   * Creates an empty database, or a copy of one that `prepare` has filled: `prepare` runs once per process, later databases
   * are copied from its work in some 30 ms. Returns the address.
   */
  createDatabase(prepare?: (url: string) => Promise<void>): Promise<string>;
  /** Stops the server; `SIGKILL` (or `SIGQUIT`, which leaves no shared memory behind) is a crash. */
  stop(how?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
}

const role = "millrace";
const password = "scratch";
let running: Promise<ScratchPostgres> | undefined;

/** The test process' Postgres, started at the first call. It ends with the process; there is nothing to clean up. */
export function scratchPostgres(): Promise<ScratchPostgres> {
  running ??= startPostgres();
  return running;
}

async function startPostgres(): Promise<ScratchPostgres> {
  const folder = scratchFolder();
  chmodSync(folder, 0o711);
  const cluster: PostgresCluster = { folder: join(folder, "postgres"), postgres: loadTools().postgres };
  await createCluster(cluster, { role, password, superuser: true });
  const port = await pickFreePort();
  const launch = clusterLaunch(cluster, port, { shared_buffers: "64MB", max_connections: "200" });
  const start = (): Promise<ScratchServer> =>
    startScratchServer(launch, join(folder, "postgres.log"), (pid) => isClusterReady(cluster, pid));
  let server = await start();
  const url = (database: string): string => `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
  const databases = new Databases(url);
  return {
    url: url(role),
    createDatabase: (prepare) => databases.create(prepare),
    stop: (how) => server.stop(how),
    restart: async () => {
      server = await start();
    },
  };
}

/** Makes databases one at a time: Postgres refuses to copy a template that two sessions use. */
class Databases {
  readonly #url: (database: string) => string;
  readonly #templates = new Map<(url: string) => Promise<void>, string>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: (database: string) => string) {
    this.#url = url;
  }

  create(prepare?: (url: string) => Promise<void>): Promise<string> {
    const created = this.#last.then(() => this.#createNow(prepare));
    this.#last = created.catch(() => undefined);
    return created;
  }

  async #createNow(prepare?: (url: string) => Promise<void>): Promise<string> {
    if (prepare === undefined) {
      return this.#url(await this.#add("template1"));
    }
    let template = this.#templates.get(prepare);
    if (template === undefined) {
      template = await this.#add("template1");
      await prepare(this.#url(template));
      this.#templates.set(prepare, template);
    }
    return this.#url(await this.#add(template));
  }

  async #add(template: string): Promise<string> {
    const name = `scratch_${++this.#count}`;
    const client = new Client({ connectionString: this.#url(role) });
    await client.connect();
    try {
      await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
    } finally {
      await client.end();
    }
    return name;
  }
}
