import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { PrimaryClient } from "./connection/primary-client.ts";
import type { Primary } from "./connection/primary.ts";
import { attempt } from "./database-error.ts";
import type { Tables } from "./tables.ts";
import { Turnstile } from "./turnstile.ts";
import { typeParsers } from "./type-parsers.ts";

/** How to reach the database. */
export interface DatabaseOptions {
  readonly primary: Primary;
  readonly applicationName: string;
  readonly connectionsMax: number;
  readonly statementTimeoutMs: number;
}

/** How much longer than the server the client waits before it gives a connection up. */
const CLIENT_GRACE_MS = 1_000;

/** A pool of connections; whatever goes wrong in it comes out as a `PlatformError`. */
export class Database {
  /** Builds queries; run them inside `read` or `transaction`, which translate errors. */
  readonly #kysely: Kysely<Tables>;
  readonly #pool: pg.Pool;
  readonly #primary: Primary;
  /** Who looks at runs leaves half of the connections to those who execute them. */
  readonly #snapshots: Turnstile;

  constructor(options: DatabaseOptions) {
    const { primary } = options;
    this.#primary = primary;
    this.#snapshots = new Turnstile(Math.max(1, Math.floor(options.connectionsMax / 2)), options.statementTimeoutMs);
    this.#pool = new pg.Pool({
      Client: class extends PrimaryClient {
        constructor(config?: pg.ClientConfig) {
          super(primary, config ?? {});
        }
      },
      application_name: options.applicationName,
      max: options.connectionsMax,
      // One stays open while nothing is asked: a migration sees by it that a process of this release lives.
      min: 1,
      statement_timeout: options.statementTimeoutMs,
      query_timeout: options.statementTimeoutMs + CLIENT_GRACE_MS,
      idle_in_transaction_session_timeout: options.statementTimeoutMs,
      connectionTimeoutMillis: options.statementTimeoutMs + primary.connectMaxMs,
      keepAlive: true,
      types: typeParsers,
    });
    // An idle connection that breaks is replaced at the next use.
    this.#pool.on("error", () => undefined);
    const pool = { connect: () => this.#connect(), end: () => this.#pool.end(), options: {} };
    this.#kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  }

  /** How many servers the address names. */
  get serverCount(): number {
    return this.#primary.serverCount;
  }

  /** Reads with built queries. */
  read<T>(operation: (kysely: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#attempt(() => operation(this.#kysely));
  }

  /** Changes with built queries, all or nothing. */
  transaction<T>(operation: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#attempt(() => this.#kysely.transaction().execute(operation));
  }

  /** Reads with built queries that all see one moment. */
  snapshot<T>(operation: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    const reading = this.#kysely.transaction().setIsolationLevel("repeatable read").setAccessMode("read only");
    return this.#snapshots.pass(() => this.#attempt(() => reading.execute(operation)));
  }

  /** Rows of a plain statement. */
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.withClient(async (client) => (await client.query<Row>(text, values)).rows);
  }

  /** How many rows a plain statement changed. */
  change(text: string, values: unknown[] = []): Promise<number> {
    return this.withClient(async (client) => (await client.query(text, values)).rowCount ?? 0);
  }

  /** Statements on one connection. A connection that a failed operation leaves behind is not used again. */
  withClient<T>(operation: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.#attempt(async () => {
      const client = await this.#connect();
      let failed = true;
      try {
        const result = await operation(client);
        failed = false;
        return result;
      } finally {
        client.release(failed);
      }
    });
  }

  /**
   * To be awaited before somebody is told that a change was made before: it may have been read from this server alone, while
   * a change that is made now waits for the standby by itself.
   */
  confirm(): Promise<void> {
    return this.withClient((client) => this.#primary.confirm(client));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  #attempt<T>(operation: () => Promise<T>): Promise<T> {
    return attempt(() => this.#primary.during(operation));
  }

  /** A connection to the primary. One that has been replaced meanwhile is found out here, and another server asked. */
  async #connect(): Promise<pg.PoolClient> {
    const client = await this.#pool.connect();
    try {
      await this.#primary.trust(client);
      return client;
    } catch (thrown) {
      client.release(true);
      if (!this.#primary.hasChoice) throw thrown;
      return this.#pool.connect();
    }
  }
}
