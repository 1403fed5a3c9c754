/**
 * Which server is the primary, and whether it may be believed.
 *
 * A promotion leaves two servers that both take connections. The old one cannot replicate any more, so nothing that is
 * committed on it is ever acknowledged, but it can be read, and what stands on it alone looks like truth. Hence three rules
 * (docs/adr/0021):
 *
 * 1. **Admission.** A connection is used once it has committed something, which the standby had to confirm: whatever could be
 *    read on it before is replicated then. A server that cannot replicate admits nobody.
 * 2. **Renewal.** Behind `TRUST_MS` without such a proof a connection proves it again before it is used.
 * 3. **Generations.** The first connection after a promotion finds another timeline than the one written down, raises the
 *    generation, and names the server anew. A process that knows a generation refuses every server of a lower one, also one
 *    whose standby was taken out of its settings; processes tell each other over NATS.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "@millrace/core";
import pg from "pg";
import { classifyFailure } from "../database-error.ts";
import { parseDatabaseUrl, type DatabaseHost } from "./hosts.ts";
import type { PrimaryClient } from "./primary-client.ts";

/** A primary, as the record itself names it. */
export interface PrimaryIdentity {
  /** Raised by every promotion. */
  readonly generation: number;
  /** Tells two servers apart that were promoted from the same one. */
  readonly id: string;
}

/** How long a proof holds. A server that was replaced is read from at most this long. */
const TRUST_MS = 2_000;
/** For one server, from the first packet to the proof. */
const HOST_TIMEOUT_MS = 2_000;
/** For finding a primary while there is none, as during a promotion. */
const SEARCH_MS = 5_000;
const SEARCH_PAUSE_MS = 200;
/** How much longer the other servers are waited for when one has answered: it may be one that was replaced. */
const OTHERS_MS = 200;
/** An operation that takes longer makes us look whether another server is the primary by now. */
const SLOW_MS = 1_000;
const LOOK_MS = 500;

/** Locks the row, so that of many who ask a server without its standby one hangs on it and the others time out. */
const ADMIT = {
  text: `WITH here AS (SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline)
UPDATE primary_server p SET timeline = here.timeline, prove_time = now(),
  generation = p.generation + (p.timeline <> here.timeline)::int,
  id = CASE WHEN p.timeline <> here.timeline THEN gen_random_uuid() ELSE p.id END
FROM here RETURNING p.generation, p.id, current_setting('synchronous_standby_names') AS standbys`,
};
const UNDEFINED_TABLE = "42P01";

interface Admission {
  readonly generation: string | number;
  readonly id: string;
  readonly standbys: string;
}

/** Finds the primary of one address for all connections of a process. */
export class Primary {
  readonly #hosts: readonly DatabaseHost[];
  readonly #url: string;
  readonly #clients = new Map<PrimaryClient, PrimaryIdentity>();
  readonly #listeners = new Set<(identity: PrimaryIdentity) => void>();
  readonly #underWay = new Set<{ readonly since: number }>();
  #current: DatabaseHost | undefined;
  #known: PrimaryIdentity = { generation: 0, id: "" };
  /** Whether a server could be replaced by another: unknown before the first connection. */
  #guarded: boolean | undefined;
  #provenAt = Number.NEGATIVE_INFINITY;
  #proving: Promise<void> | undefined;
  #searching: Promise<DatabaseHost> | undefined;
  #looking: NodeJS.Timeout | undefined;
  #peeking = false;

  constructor(url: string) {
    const address = parseDatabaseUrl(url);
    this.#hosts = address.hosts;
    this.#url = address.url;
  }

  /** Whether there are several servers to choose from. */
  get hasChoice(): boolean {
    return this.#hosts.length > 1;
  }

  get serverCount(): number {
    return this.#hosts.length;
  }

  /** The longest that a connection may take until it is admitted. */
  get connectMaxMs(): number {
    return this.hasChoice ? SEARCH_MS + 3 * HOST_TIMEOUT_MS : HOST_TIMEOUT_MS;
  }

  /** The newest primary that this process knows of; generation 0 before the first. */
  get identity(): PrimaryIdentity {
    return this.#known;
  }

  /** Whether there is another server that could take its place. */
  get isGuarded(): boolean {
    return this.#guarded === true;
  }

  /** Calls back with every further primary. */
  onMoved(listener: (identity: PrimaryIdentity) => void): void {
    this.#listeners.add(listener);
  }

  /** Somebody else has found this primary. Connections to an older one break at once. */
  learn(identity: PrimaryIdentity): void {
    if (identity.generation <= this.#known.generation) return;
    const first = this.#known.generation === 0;
    this.#known = identity;
    if (!first) {
      this.#guarded = true;
      this.#current = undefined;
    }
    for (const [client, of] of this.#clients) if (!isSame(of, identity)) client.break(replaced());
    for (const listener of this.#listeners) listener(identity);
  }

  /** What a client is made with, but for the server. */
  clientConfig(config: pg.ClientConfig): pg.ClientConfig {
    const connectionTimeoutMillis = this.hasChoice ? HOST_TIMEOUT_MS : config.connectionTimeoutMillis;
    return { ...config, connectionString: this.#url, connectionTimeoutMillis };
  }

  /** The server that was the primary when last seen; looks for it when nothing is known. Undefined where there is but one. */
  locate(): Promise<DatabaseHost | undefined> {
    if (!this.hasChoice) return Promise.resolve(undefined);
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    this.#searching ??= this.#search().finally(() => (this.#searching = undefined));
    return this.#searching;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#clients.size;
  }

  /** Lets a new connection in once it has proved itself. */
  async admit(client: PrimaryClient, server: DatabaseHost | undefined): Promise<void> {
    if (this.#guarded === false) return void this.#clients.set(client, this.#known);
    const sentAt = performance.now();
    const admission = await prove(client);
    if (admission === undefined) return;
    const identity = this.#accept(admission);
    this.#guarded ??= this.hasChoice || admission.standbys !== "";
    this.#clients.set(client, identity);
    this.#provenAt = Math.max(this.#provenAt, sentAt);
    this.#current ??= server;
  }

  /** Sees to it that what is read on a connection is the truth: asks for a proof when the last one is old. */
  async trust(client: pg.ClientBase): Promise<void> {
    if (this.#guarded !== true || performance.now() - this.#provenAt <= TRUST_MS) return;
    this.#proving ??= this.#renew(client).finally(() => (this.#proving = undefined));
    try {
      await this.#proving;
    } catch (thrown) {
      this.#abandon(thrown as Error);
      throw thrown;
    }
  }

  /** Waits until everything that was visible before is replicated; nothing to wait for without a standby. */
  async confirm(client: pg.ClientBase): Promise<void> {
    if (this.#guarded === true) await this.#renew(client);
  }

  /** A commit that was begun at this time is replicated, which proves as much as anything. */
  onCommitted(sentAt: number): void {
    this.#provenAt = Math.max(this.#provenAt, sentAt);
  }

  /** What was visible may stand on one server alone: everybody proves anew. */
  doubt(): void {
    this.#provenAt = Number.NEGATIVE_INFINITY;
  }

  onRefused(server: DatabaseHost | undefined): void {
    if (this.#current === server) this.#current = undefined;
  }

  /**
   * A session that was ended may have left a commit behind that stands on its server alone; and the end of the last
   * connection says that the server may be gone.
   */
  onClosed(client: PrimaryClient): void {
    this.doubt();
    if (this.#clients.delete(client) && this.#clients.size === 0) this.#current = undefined;
  }

  /** Runs an operation; while it takes long, looks whether another server has become the primary. */
  async during<T>(operation: () => Promise<T>): Promise<T> {
    if (!this.hasChoice) return operation();
    const one = { since: performance.now() };
    this.#underWay.add(one);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
    try {
      return await operation();
    } finally {
      this.#underWay.delete(one);
      if (this.#underWay.size === 0) {
        clearInterval(this.#looking);
        this.#looking = undefined;
      }
    }
  }

  #look(): void {
    const [oldest] = this.#underWay;
    if (oldest === undefined || performance.now() - oldest.since < SLOW_MS || this.#peeking) return;
    this.#peeking = true;
    // A newer primary is learned of, which ends what hangs on the old one; else nothing changes.
    this.#searchOnce()
      .catch(() => undefined)
      .finally(() => (this.#peeking = false));
  }

  /** The server cannot prove that it is the primary: whoever waits for it looks for another. */
  #abandon(reason: Error): void {
    this.#current = undefined;
    for (const client of this.#clients.keys()) client.break(reason);
  }

  async #renew(client: pg.ClientBase): Promise<void> {
    const sentAt = performance.now();
    const admission = await prove(client);
    if (admission !== undefined) this.#accept(admission);
    this.#provenAt = Math.max(this.#provenAt, sentAt);
  }

  /** Throws when the server is older than what is known, or another of the same age. */
  #accept(admission: Admission): PrimaryIdentity {
    const identity = { generation: Number(admission.generation), id: admission.id };
    if (identity.generation > this.#known.generation) this.learn(identity);
    else if (!isSame(identity, this.#known)) throw replaced();
    return identity;
  }

  async #search(): Promise<DatabaseHost> {
    const endAt = performance.now() + SEARCH_MS;
    for (;;) {
      try {
        return await this.#searchOnce();
      } catch (thrown) {
        if (performance.now() > endAt) throw thrown;
        await sleep(SEARCH_PAUSE_MS);
      }
    }
  }

  /** Asks all servers at once. Of several that say yes, the one of the highest generation is the primary. */
  async #searchOnce(): Promise<DatabaseHost> {
    const found: { readonly server: DatabaseHost; readonly identity: PrimaryIdentity | undefined }[] = [];
    const probes = this.#hosts.map(async (server) => {
      const admission = await probe(this.#url, server);
      found.push({ server, identity: admission && { generation: Number(admission.generation), id: admission.id } });
    });
    await Promise.any(probes).catch((all: AggregateError) => {
      const errors = all.errors as unknown[];
      throw errors.find((error) => classifyFailure(error) === "passing") ?? errors[0];
    });
    await Promise.race([Promise.allSettled(probes), sleep(OTHERS_MS)]);
    const [best] = found.sort((a, b) => (b.identity?.generation ?? 0) - (a.identity?.generation ?? 0));
    const { server, identity } = best!;
    if (identity !== undefined) {
      if (identity.generation > this.#known.generation) this.learn(identity);
      else if (!isSame(identity, this.#known)) throw replaced();
    }
    this.#current = server;
    return server;
  }
}

/** Commits something, and so waits for the standby. Undefined in a database that has no schema yet. */
async function prove(client: pg.ClientBase): Promise<Admission | undefined> {
  try {
    const { rows } = await client.query<Admission>({ ...ADMIT, query_timeout: HOST_TIMEOUT_MS } as pg.QueryConfig);
    if (rows[0] !== undefined) return rows[0];
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw unconfirmed(thrown);
    if (thrown.code !== UNDEFINED_TABLE) throw thrown;
  }
  // A standby lacks the schema like its primary, and fails here: it is no place to make one.
  await client.query("SELECT pg_current_wal_insert_lsn()");
  return undefined;
}

async function probe(url: string, { host, port }: DatabaseHost): Promise<Admission | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "millrace search",
    connectionTimeoutMillis: HOST_TIMEOUT_MS,
    statement_timeout: HOST_TIMEOUT_MS,
    query_timeout: HOST_TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  client.host = host;
  client.port = port;
  try {
    await client.connect();
    return await prove(client);
  } finally {
    void client.end().catch(() => undefined);
  }
}

function isSame(one: PrimaryIdentity, other: PrimaryIdentity): boolean {
  return one.generation === other.generation && one.id === other.id;
}

function unconfirmed(cause: unknown): PlatformError {
  return new PlatformError(
    "Unavailable",
    "PRIMARY_UNCONFIRMED",
    `The database server confirmed no change within ${HOST_TIMEOUT_MS} ms: the standby that its commits wait for may be away, or another server the primary by now`,
    { cause },
  );
}

function replaced(): PlatformError {
  return new PlatformError(
    "Unavailable",
    "PRIMARY_REPLACED",
    "This database server was replaced by another one; nothing that it says counts any more",
  );
}
