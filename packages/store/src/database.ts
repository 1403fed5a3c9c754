import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { attempt } from "./database-error.ts";
import type { Tables } from "./tables.ts";
import { typeParsers } from "./type-parsers.ts";

/** How to reach the database. */
export interface DatabaseOptions {
  readonly url: string;
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

  constructor(options: DatabaseOptions) {
    this.#pool = new pg.Pool({
      connectionString: options.url,
      application_name: options.applicationName,
      max: options.connectionsMax,
      // One stays open while nothing is asked: a migration sees by it that a process of this release lives.
      min: 1,
      statement_timeout: options.statementTimeoutMs,
      query_timeout: options.statementTimeoutMs + CLIENT_GRACE_MS,
      idle_in_transaction_session_timeout: options.statementTimeoutMs,
      connectionTimeoutMillis: options.statementTimeoutMs,
      keepAlive: true,
      types: typeParsers,
    });
    // An idle connection that breaks is replaced at the next use.
    this.#pool.on("error", () => undefined);
    this.#kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: this.#pool }) });
  }

  /** Reads with built queries. */
  read<T>(operation: (kysely: Kysely<Tables>) => Promise<T>): Promise<T> {
    return attempt(() => operation(this.#kysely));
  }

  /** Changes with built queries, all or nothing. */
  transaction<T>(operation: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return attempt(() => this.#kysely.transaction().execute(operation));
  }

  /** Reads with built queries that all see one moment. */
  snapshot<T>(operation: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return attempt(() =>
      this.#kysely.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(operation),
    );
  }

  /** Rows of a plain statement. */
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return attempt(async () => (await this.#pool.query<Row>(text, values)).rows);
  }

  /** How many rows a plain statement changed. */
  change(text: string, values: unknown[] = []): Promise<number> {
    return attempt(async () => (await this.#pool.query(text, values)).rowCount ?? 0);
  }

  /** Statements on one connection. A connection that a failed operation leaves behind is not used again. */
  withClient<T>(operation: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return attempt(async () => {
      const client = await this.#pool.connect();
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

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
