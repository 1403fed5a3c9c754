/**
 * The commit path of one scheduler: one connection of its own, one prepared statement and one round trip for a commit.
 *
 * A change that Postgres cannot hold must not hold up the others. Three nets, each for what falls through the one before:
 * values are encoded change by change, so what has no encoding fails alone; texts that people write cannot fail (NUL is
 * replaced, user data is bytea); and when the statement ends with a data error all the same, the batch is repeated in halves,
 * in one transaction with savepoints, until the bad changes stand alone.
 *
 * States of a commit: sent; then known (returned), or unknown (`RECORD_UNAVAILABLE`, the connection is given up). The caller
 * repeats an unknown one under its number. The first copy may still be running then: the second waits for its row in
 * `committers`, finds the number used, writes nothing, and reads what became of the changes.
 */
import { coerceError, invariant, PlatformError, type Change, type CommitBatch } from "@millrace/core";
import type pg from "pg";
import { PrimaryClient } from "../connection/primary-client.ts";
import { Primary } from "../connection/primary.ts";
import { classifyFailure, toPlatformError } from "../database-error.ts";
import type { Committer, RecordedOutcome } from "../ports.ts";
import { typeParsers } from "../type-parsers.ts";
import { readRowTypeIds, type RowTypeIds } from "./columns.ts";
import { readOutcomes } from "./outcome.ts";
import { createCommitQuery } from "./rows.ts";
import type { StatementResult } from "./statement.ts";

/** How a scheduler writes. */
export interface CommitterOptions {
  /** `postgres://…`, straight to the server, or the primary that a store has found already. */
  readonly url: string | Primary;
  /** How long an idempotency key stands for its run; default 24 h. */
  readonly keyTtlMs?: number;
  /** A commit that takes longer is given up and its outcome unknown; default 5,000 ms. */
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
}

const KEY_TTL_DEFAULT_MS = 24 * 3_600_000;
const STATEMENT_TIMEOUT_DEFAULT_MS = 5_000;
/** How much longer than the server the client waits before it gives the connection up. */
const CLIENT_GRACE_MS = 1_000;

/** The commit path of one scheduler. It connects at the first commit, and anew after a broken connection. */
export function openCommitter(options: CommitterOptions): Committer {
  return new PostgresCommitter(options);
}

/** A connection that commits, and the types of rows there. */
interface Session {
  readonly client: PrimaryClient;
  readonly types: RowTypeIds;
}

class PostgresCommitter implements Committer {
  readonly #options: CommitterOptions;
  readonly #primary: Primary;
  #session: Session | undefined;
  #busy = false;
  #closed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#primary = typeof options.url === "string" ? new Primary(options.url) : options.url;
  }

  async commit(batch: CommitBatch): Promise<RecordedOutcome> {
    invariant(!this.#busy, "a second commit is sent while one is in flight");
    this.#busy = true;
    try {
      return await this.#primary.during(() => this.#commit(batch));
    } catch (thrown) {
      this.#session?.client.break(coerceError(thrown));
      this.#session = undefined;
      throw toCommitError(thrown);
    } finally {
      this.#busy = false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const session = this.#session;
    this.#session = undefined;
    await session?.client.end().catch(() => undefined);
  }

  async #commit(batch: CommitBatch): Promise<RecordedOutcome> {
    const session = (this.#session ??= await this.#connect());
    const sentAt = performance.now();
    const outcome = await commitOn(session, batch);
    this.#primary.onCommitted(sentAt);
    return outcome;
  }

  async #connect(): Promise<Session> {
    invariant(!this.#closed, "a commit is sent after the committer was closed");
    const client = await new PrimaryClient(this.#primary, toClientConfig(this.#options)).connect();
    try {
      return { client, types: await readRowTypeIds(client) };
    } catch (thrown) {
      client.break(coerceError(thrown));
      throw thrown;
    }
  }
}

/**
 * Session settings pin the plans: generic, by index. Statistics of the hot tables are always stale, and a plan that was made
 * while they were empty would otherwise read them whole once they are full.
 */
function toClientConfig(options: CommitterOptions): pg.ClientConfig {
  const timeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_DEFAULT_MS;
  const settings = {
    plan_cache_mode: "force_generic_plan",
    enable_seqscan: "off",
    enable_hashjoin: "off",
    enable_mergejoin: "off",
    jit: "off",
    idle_in_transaction_session_timeout: `${timeoutMs}ms`,
    "millrace.key_ttl": `${options.keyTtlMs ?? KEY_TTL_DEFAULT_MS}ms`,
  };
  return {
    application_name: options.applicationName ?? "millrace commit",
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + CLIENT_GRACE_MS,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    types: typeParsers,
  };
}

function toCommitError(thrown: unknown): PlatformError {
  const error = toPlatformError(thrown);
  if (error.kind !== "Unavailable") return error;
  return new PlatformError(
    "Unavailable",
    "RECORD_UNAVAILABLE",
    `The outcome of a commit is unknown: ${error.message}`,
    {
      cause: thrown,
    },
  );
}

async function commitOn(session: Session, batch: CommitBatch): Promise<RecordedOutcome> {
  const { client, types } = session;
  const { query, changes, failed } = createCommitQuery(batch, batch.changes, false, types);
  try {
    const { rows } = await client.query<StatementResult>(query);
    return await toOutcome(client, batch, changes, failed, rows[0]!);
  } catch (thrown) {
    if (classifyFailure(thrown) !== "data") throw thrown;
    return commitInHalves(session, batch, changes, failed);
  }
}

type Failed = ReadonlyMap<string, PlatformError>;

async function toOutcome(
  client: pg.Client,
  batch: CommitBatch,
  changes: readonly Change[],
  failed: Failed,
  result: StatementResult,
): Promise<RecordedOutcome> {
  const held = new Set(result.fresh ? result.held : await readHeld(client, batch));
  const refused = new Set([...batch.epochs.keys()].filter((partition) => !held.has(partition)));
  const written = refused.size === 0 ? changes : changes.filter(({ partition }) => held.has(partition));
  const rows = written.reduce((count, { kind }) => count + (kind === "delivered" ? 0 : 1), 0);
  if (!result.fresh || result.accepted + result.updated + result.ended < rows) {
    const outcomes = await readOutcomes(client, written);
    return { refused, accepts: outcomes.accepts, failed: new Map([...outcomes.failed, ...failed]) };
  }
  const accepts = written.filter(({ kind }) => kind === "accept");
  return { refused, accepts: new Map(accepts.map(({ runId }) => [runId, { kind: "inserted" }])), failed };
}

/**
 * Partitions that a repeated commit may report as written. One whose epoch has moved since is refused, though its changes may
 * have been written: its owner has lost it either way, and the next one has read them.
 */
async function readHeld(client: pg.Client, batch: CommitBatch): Promise<number[]> {
  const { rows } = await client.query<{ partition: number; epoch: number }>(
    "SELECT partition, epoch FROM partitions WHERE partition = ANY ($1)",
    [[...batch.epochs.keys()]],
  );
  return rows.filter(({ partition, epoch }) => batch.epochs.get(partition) === epoch).map(({ partition }) => partition);
}

/** The rare path: some change is bad. Nothing of the batch has been written yet. */
async function commitInHalves(
  session: Session,
  batch: CommitBatch,
  changes: readonly Change[],
  failed: Failed,
): Promise<RecordedOutcome> {
  const { client, types } = session;
  await client.query("BEGIN");
  const turn = (await client.query<StatementResult>(createCommitQuery(batch, [], false, types).query)).rows[0]!;
  const rejected = turn.fresh ? await writeInHalves(session, batch, changes) : [];
  await client.query(turn.fresh ? "COMMIT" : "ROLLBACK");
  const allFailed = new Map([...failed, ...rejected]);
  const good = changes.filter(({ runId }) => !allFailed.has(runId));
  const nothing = { accepted: 0, updated: 0, ended: 0 };
  return toOutcome(client, batch, good, allFailed, { fresh: turn.fresh, held: turn.held, ...nothing });
}

/** Returns the changes that were refused, with the reason. */
async function writeInHalves(
  session: Session,
  batch: CommitBatch,
  changes: readonly Change[],
): Promise<[string, PlatformError][]> {
  if (changes.length === 0) return [];
  const { client, types } = session;
  await client.query("SAVEPOINT half");
  try {
    await client.query(createCommitQuery(batch, changes, true, types).query);
    await client.query("RELEASE SAVEPOINT half");
    return [];
  } catch (thrown) {
    if (classifyFailure(thrown) !== "data") throw thrown;
    await client.query("ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half");
    if (changes.length === 1) return [[changes[0]!.runId, toRejection(changes[0]!, thrown)]];
  }
  const middle = Math.ceil(changes.length / 2);
  const first = await writeInHalves(session, batch, changes.slice(0, middle));
  return [...first, ...(await writeInHalves(session, batch, changes.slice(middle)))];
}

function toRejection(change: Change, thrown: unknown): PlatformError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PlatformError(
    "InvalidArgument",
    "RECORD_REJECTED",
    `The ${change.kind} of run ${change.runId} cannot be kept: ${message}`,
    { cause: thrown },
  );
}
