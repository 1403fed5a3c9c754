/**
 * The one statement that writes run state.
 *
 * Measured on two shared cores, Postgres 18, fsync on, 300-byte events (`bench/commit.ts`): one run 0.43 ms (p10) to 0.56 ms
 * (p50) where a bare one-row commit takes 0.25 ms; accept plus end with a step in batches of 100 up to 16,000 runs/s. What was
 * tried for a batch of 100 accepts, as CPU time of the server and of the client:
 * - binary arrays through `unnest`, one for each column: 2.2 ms and 1.1 ms
 * - the same arrays as text: 3.2 ms and 2.3 ms
 * - one JSON parameter through `json_to_recordset`: 3.5 ms and 2.2 ms
 * - no lock on the 80 partitions: no difference that can be seen; the fence is free
 * - for one accept: 0.64 ms of the server with only the parts that it needs, 1.01 ms with all parts and empty arrays
 * In groups as a busy house has them, four accepts and four ends, most of a commit is its executor coming and going: each set of
 * rows as one binary array of a composite type (this) instead of an array for each column, no row carried through two parts that one
 * can do, and what is deleted returned by the delete: 0.90 → 0.68 ms of the server and 0.49 → 0.36 of the client.
 * (CPU times on a machine that was busy with other work; they compare, they do not promise.)
 */
import { rowTypes, type RowKind } from "./columns.ts";

/** Which kinds of change a statement writes; a part that a batch lacks is left out, it would cost time for nothing. */
export interface StatementParts {
  readonly accepts: boolean;
  /** Some of the accepts carry an idempotency key. */
  readonly keys: boolean;
  /** Some of them take steps of earlier runs over. */
  readonly takes: boolean;
  readonly updates: boolean;
  readonly ends: boolean;
  /** Some of the ends are of runs with earlier steps. */
  readonly moves: boolean;
  /** Messages to other runs' owners that are acknowledged. */
  readonly delivered: boolean;
  /** Messages to other runs' owners that updates and ends send. */
  readonly outbox: boolean;
  /** Attempts of steps that were lost. */
  readonly losses: boolean;
}

/** One row: what the statement did. */
export interface StatementResult {
  /** False when the number was used before; then nothing was written now. */
  readonly fresh: boolean;
  /** Partitions whose epoch was the writer's. */
  readonly held: number[];
  readonly accepted: number;
  readonly updated: number;
  readonly ended: number;
}

/** Text and name of a prepared statement. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

const STEP = ["name", "execution_id"] as const;
const STEP_TAIL = ["last_log_sequence", "exports", "return_value", "response_body", "detail"] as const;
const STEP_COLUMNS = ["path", "ordinal", "assignment", ...STEP, "start_time", "end_time", ...STEP_TAIL].join(", ");

/** Lost attempts of a step run that are kept: so many from its beginning, and so many of the newest. */
const LOSSES_FIRST = 10;
const LOSSES_NEWEST = 10;

/** The columns of a run that history keeps as they were. */
const KEPT =
  "sequence, priority, project_id, workflow_id, version_id, deaths, create_time, event_falls_back_to_body, trigger_kind, trace_parent, trace_id, event, context";

/**
 * The fence, in two locks that every write below is joined with:
 * - `turn` holds the committer's row: of two copies of a commit one waits for the other, and then finds the number used.
 * - `locked` holds the partitions' rows FOR SHARE until the end of the transaction: a takeover waits for it, so nothing is
 *   written after a new owner has begun to read. (An epoch that is only read is no fence: the write may come later.)
 *   Sorted, as takeovers are, so that the two cannot wait for each other in a circle.
 */
const FENCE = `turn AS MATERIALIZED (
  INSERT INTO committers AS t (id, number) VALUES ($1, $2)
  ON CONFLICT (id) DO UPDATE SET number = excluded.number, seen_time = now() WHERE t.number < excluded.number OR $3
  RETURNING number
), locked AS MATERIALIZED (
  SELECT p.partition FROM unnest($4::int4[], $5::int8[]) AS e (partition, epoch)
  JOIN partitions p ON p.partition = e.partition AND p.epoch = e.epoch
  ORDER BY p.partition FOR SHARE OF p
), fence AS MATERIALIZED (
  SELECT ARRAY(SELECT partition FROM locked) AS held FROM turn
)`;

/** Writes the SQL for a combination of parts; parameters 1 to 5 are the fence's, then those of each part. */
export function createStatement(parts: StatementParts): Statement {
  let parameter = 5;
  const source = (kind: RowKind): string => `unnest($${++parameter}::${rowTypes[kind]}[]) AS c`;
  const ctes = [
    FENCE,
    ...(parts.accepts ? [acceptPart(`$${++parameter}::date`, `$${++parameter}::date`, source("accept"), parts)] : []),
    ...(parts.takes ? [takenPart(source("taken"))] : []),
    ...(parts.updates ? [updatePart(source("update"))] : []),
    ...(parts.ends ? [endPart(source("end"), parts.moves)] : []),
    ...(parts.delivered ? [deliveredPart(source("delivered"))] : []),
    ...(parts.outbox ? [outboxPart(source("outbox"))] : []),
    ...(parts.losses ? [lossPart(source("loss"))] : []),
  ];
  const count = (present: boolean, cte: string): string => (present ? `(SELECT count(*)::int4 FROM ${cte})` : "0");
  const { accepts, keys, takes, updates, ends, moves, delivered, outbox, losses } = parts;
  const letters = [
    ...[accepts && "a", keys && "k", takes && "t", updates && "u"],
    ...[ends && "e", moves && "m", delivered && "d", outbox && "o", losses && "l"],
  ];
  return {
    name: `commit_${letters.filter(Boolean).join("")}`,
    text: `WITH ${ctes.join(", ")}
SELECT EXISTS (SELECT FROM turn) AS fresh, COALESCE((SELECT held FROM fence), '{}') AS held,
  ${count(parts.accepts, "inserted")} AS accepted, ${count(parts.updates, "updated")} AS updated,
  ${count(parts.ends, "ended")} AS ended`,
  };
}

/**
 * `LIMIT 1` subqueries stay look-ups by key: as a join, the planner might read all days of history. The first and the last day
 * of the batch are there for the executor, which opens only the days between them.
 */
function acceptPart(firstDay: string, lastDay: string, source: string, { keys }: StatementParts): string {
  const columns = `id, partition, sequence, project_id, workflow_id, version_id, create_time, event_falls_back_to_body,
    wants_answer, wants_end, gateway, trigger_kind, trace_parent, trace_id, event, context, priority, parked, steps_done`;
  const fresh = `FROM fence, ${source}
  WHERE c.partition = ANY (fence.held)
    AND (SELECT true FROM history_runs h
      WHERE h.day BETWEEN ${firstDay} AND ${lastDay} AND h.day = c.day AND h.id = c.id LIMIT 1) IS NOT TRUE`;
  const claimed = `fresh AS MATERIALIZED (SELECT c.* ${fresh}), ${keyPart}, `;
  return `${keys ? claimed : ""}inserted AS (
  INSERT INTO runs (${columns})
  SELECT ${columns} ${keys ? "FROM fresh WHERE key IS NULL OR id IN (SELECT run_id FROM claimed)" : fresh}
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)`;
}

/**
 * A key that expired is taken over. Of two runs with one key in one batch the first in the order of acceptance has it. A run
 * that exists already claims nothing: its key may have passed to another run meanwhile.
 */
const keyPart = `claimed AS (
  INSERT INTO idempotency_keys (workflow_id, key, run_id, expire_time)
  SELECT DISTINCT ON (workflow_id, key) workflow_id, key, id, now() + current_setting('millrace.key_ttl')::interval
  FROM fresh WHERE key IS NOT NULL AND (SELECT true FROM runs r WHERE r.id = fresh.id LIMIT 1) IS NOT TRUE
  ORDER BY workflow_id, key, sequence
  ON CONFLICT (workflow_id, key) DO UPDATE SET run_id = excluded.run_id, expire_time = excluded.expire_time
    WHERE idempotency_keys.expire_time <= now() OR idempotency_keys.run_id = excluded.run_id
  RETURNING run_id
)`;

/** What a run takes over is there with the run, or not at all; a second copy of its accept brings nothing. */
function takenPart(source: string): string {
  return `taken AS (
  INSERT INTO run_steps (run_id, ${STEP_COLUMNS})
  SELECT c.run_id, c.path, c.ordinal, 0, c.name, c.execution_id, c.start_time, c.end_time, 0, c.exports, c.return_value, NULL, c.detail
  FROM inserted i JOIN ${source} ON c.run_id = i.id
)`;
}

/**
 * The rows that a part changes, each by one look-up. A change that joined its table by key could be planned the other way round:
 * the whole table first, once statistics were taken while it was empty, and then for every commit (seen: 8 times the server's
 * CPU). A subquery with a `LIMIT` or an `OFFSET` is not turned round, and by its place (`ctid`) a row is found in no other way.
 */
function findPart(name: string, source: string): string {
  return `${name} AS MATERIALIZED (
  SELECT c.*, r.place, r.step_assignment FROM fence, ${source} CROSS JOIN LATERAL (
    SELECT ctid AS place, partition AS home, assignment AS step_assignment FROM runs WHERE runs.id = c.id LIMIT 1
  ) r
  WHERE c.partition = ANY (fence.held) AND r.home = c.partition
)`;
}

/** A step ran in the assignment that was current before: the change may close it (a suspend). */
function updatePart(source: string): string {
  return `${findPart("changing", source)}, updated AS (
  UPDATE runs r SET state = c.state, assignment = c.assignment, deaths = length(c.death_causes),
    death_causes = c.death_causes, wake_time = c.wake_time, parked = COALESCE(c.parked, r.parked),
    start_time = COALESCE(r.start_time, c.start_time), steps_done = r.steps_done + (c.path IS NOT NULL)::int4
  FROM changing c WHERE r.ctid = c.place
  RETURNING c.*, r.steps_done AS ordinal
), stepped AS (
  INSERT INTO run_steps (run_id, ${STEP_COLUMNS})
  SELECT id, path, ordinal, step_assignment, ${STEP.join(", ")}, step_start_time, step_end_time, ${STEP_TAIL.join(", ")}
  FROM updated WHERE path IS NOT NULL
)`;
}

/**
 * An end whose run has no earlier steps has none to move, says its owner. Where the record knows better, the division fails, nothing is
 * written, and the batch is repeated as one with bad changes is: with all parts.
 */
function endPart(source: string, moves: boolean): string {
  const kept = KEPT.split(", ").map((name) => `r.${name}`);
  return `${findPart("ending", source)}, ended AS (
  DELETE FROM runs r USING ending e WHERE r.ctid = e.place
  RETURNING e.*, r.steps_done, r.steps_done + 1 AS ordinal, r.start_time AS earlier_start_time, ${kept.join(", ")}
), archived AS (
  INSERT INTO history_runs (day, id, partition, state, assignment, start_time, end_time, exit_reason, failure, ${KEPT})
  SELECT day, id, partition, state, assignment, COALESCE(earlier_start_time, start_time), end_time, exit_reason, failure, ${KEPT}
  FROM ended${moves ? "" : " WHERE 1 / (steps_done = 0)::int4 = 1"}
), ${moves ? movingPart : ""}kept AS (
  INSERT INTO history_steps (day, run_id, ${STEP_COLUMNS})
  ${moves ? `SELECT day, run_id, ${STEP_COLUMNS} FROM moved UNION ALL` : ""}
  SELECT day, id, path, ordinal, step_assignment, ${STEP.join(", ")}, step_start_time, step_end_time, ${STEP_TAIL.join(", ")}
  FROM ended WHERE path IS NOT NULL
)`;
}

const movingPart = `moving AS MATERIALIZED (
  SELECT e.day, s.place FROM ended e CROSS JOIN LATERAL (
    SELECT ctid AS place FROM run_steps WHERE run_id = e.id OFFSET 0
  ) s WHERE e.steps_done > 0
), moved AS (
  DELETE FROM run_steps s USING moving m WHERE s.ctid = m.place RETURNING m.day, s.*
), `;

/** The same message again is one that a repeated decision made: the first stays. */
function outboxPart(source: string): string {
  return `sent AS (
  INSERT INTO outbox (id, partition, target, sequence, run_id, body, payload)
  SELECT c.id, c.partition, c.target, c.sequence, c.run_id, c.body, c.payload FROM fence, ${source} WHERE c.partition = ANY (fence.held)
  ON CONFLICT (id) DO NOTHING
)`;
}

/** Of a step's lost attempts the first and the newest are kept: what a run may lose for days has a bound. */
function lossPart(source: string): string {
  return `lost AS MATERIALIZED (
  SELECT c.*, 1 + COALESCE((SELECT a.number FROM step_attempts a
    WHERE a.run_id = c.run_id AND a.path = c.path ORDER BY a.number DESC LIMIT 1), 0) AS number
  FROM fence, ${source} WHERE c.partition = ANY (fence.held)
), noted AS (
  INSERT INTO step_attempts (run_id, path, number, assignment, runner, start_time, end_time, loss)
  SELECT run_id, path, number, assignment, runner, start_time, end_time, loss FROM lost
), passed AS (
  DELETE FROM step_attempts WHERE ctid IN (
    SELECT a.place FROM lost l CROSS JOIN LATERAL (
      SELECT ctid AS place FROM step_attempts
      WHERE run_id = l.run_id AND path = l.path AND number = l.number - ${LOSSES_NEWEST} AND number > ${LOSSES_FIRST} LIMIT 1
    ) a)
)`;
}

function deliveredPart(source: string): string {
  return `arrived AS MATERIALIZED (
  SELECT o.place FROM fence, ${source} CROSS JOIN LATERAL (
    SELECT ctid AS place FROM outbox WHERE outbox.id = c.id LIMIT 1
  ) o WHERE c.partition = ANY (fence.held)
), delivered AS (
  DELETE FROM outbox o USING arrived a WHERE o.ctid = a.place
)`;
}
