/** Fills a house with finished runs of a realistic shape, by SQL: most of few workflows, most of them successful, over days. */
import type pg from "pg";

const DAY_MS = 86_400_000;
const WORKFLOWS = 200;

/** What to fill. */
export interface HistoryShape {
  readonly runs: number;
  readonly days: number;
}

/** The workflows that were made, the one with most runs first. */
export interface FilledHistory {
  readonly workflowIds: readonly string[];
  readonly seconds: number;
}

/** Fills days up to now; two sessions at a time. `like` is a deployed workflow, whose version all of them share in kind. */
export async function fillHistory(
  open: () => Promise<pg.Client>,
  like: string,
  { runs, days }: HistoryShape,
  say: (text: string) => void,
): Promise<FilledHistory> {
  const startMs = performance.now();
  const connect = async (): Promise<pg.Client> => {
    const client = await open();
    // What was asked for fails by itself.
    client.on("error", () => undefined);
    return client;
  };
  const db = await connect();
  const workflowIds = await createWorkflows(db, like);
  const today = Math.floor(Date.now() / DAY_MS);
  const queue = Array.from({ length: days }, (_, index) => today - index);
  const work = async (client: pg.Client): Promise<void> => {
    await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'; SET statement_timeout = 0");
    for (let day = queue.shift(); day !== undefined; day = queue.shift()) {
      await fillDay(client, like, day, Math.ceil(runs / days));
      say(`filled ${dayName(day)}, ${queue.length} days to go, ${Math.round((performance.now() - startMs) / 1000)} s`);
    }
    await client.end();
  };
  await Promise.all([work(db), work(await connect())]);
  const after = await connect();
  await after.query("SET statement_timeout = 0");
  await after.query("ANALYZE history_runs");
  await after.query("ANALYZE history_steps");
  await after.end();
  return { workflowIds, seconds: (performance.now() - startMs) / 1000 };
}

async function createWorkflows(db: pg.Client, like: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO workflows (project_id, name, generation)
     SELECT project_id, 'filled ' || n, generation FROM workflows, generate_series(1, ${WORKFLOWS}) n WHERE id = $1 RETURNING id`,
    [like],
  );
  await db.query(
    `INSERT INTO versions (workflow_id, number, definition, sources, spec, python_minor)
     SELECT w.id, 1, v.definition, v.sources, v.spec, v.python_minor
     FROM workflows w, workflows o JOIN versions v ON v.id = o.version_id WHERE o.id = $1 AND w.name LIKE 'filled %'`,
    [like],
  );
  await db.query(`CREATE TABLE bench_workflows AS SELECT row_number() OVER (ORDER BY w.id) - 1 AS place, w.project_id,
    w.id AS workflow_id, v.id AS version_id FROM workflows w JOIN versions v ON v.workflow_id = w.id WHERE w.name LIKE 'filled %'`);
  await db.query("CREATE UNIQUE INDEX ON bench_workflows (place)");
  return rows.map(({ id }) => id).sort();
}

function dayName(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Into tables of their own that get their indexes when they are attached; a day that is there already is taken out first. */
async function fillDay(db: pg.Client, like: string, day: number, runs: number): Promise<void> {
  const name = dayName(day);
  const suffix = name.replaceAll("-", "_");
  const spanMs = Math.min(DAY_MS, Date.now() - day * DAY_MS);
  await db.query("BEGIN");
  for (const table of ["history_runs", "history_steps"]) {
    const { rows } = await db.query("SELECT to_regclass($1) IS NOT NULL AS there", [`${table}_${suffix}`]);
    if (rows[0]?.there === true) {
      await db.query(`ALTER TABLE ${table} DETACH PARTITION ${table}_${suffix}`);
      await db.query(`ALTER TABLE ${table}_${suffix} RENAME TO ${table}_${suffix}_before`);
    }
    await db.query(`CREATE TABLE ${table}_${suffix} (LIKE ${table} INCLUDING DEFAULTS,
      CHECK (day IS NOT NULL AND day >= '${name}' AND day < '${dayName(day + 1)}'))`);
  }
  await db.query(RUNS(`history_runs_${suffix}`, name, day * DAY_MS, spanMs, runs));
  await db.query(STEPS(`history_steps_${suffix}`, `history_runs_${suffix}`));
  for (const table of ["history_runs", "history_steps"]) {
    const { rows } = await db.query("SELECT to_regclass($1) IS NOT NULL AS there", [`${table}_${suffix}_before`]);
    if (rows[0]?.there === true) {
      await db.query(`INSERT INTO ${table}_${suffix} SELECT * FROM ${table}_${suffix}_before`);
      await db.query(`DROP TABLE ${table}_${suffix}_before`);
    }
    await db.query(
      `ALTER TABLE ${table} ATTACH PARTITION ${table}_${suffix} FOR VALUES FROM ('${name}') TO ('${dayName(day + 1)}')`,
    );
  }
  await db.query("COMMIT");
}

/** Of 200 workflows the first has 17 % of the runs; 95 % succeed, 4 % fail, 1 % are cancelled. */
const RUNS = (table: string, day: string, startMs: number, spanMs: number, runs: number): string => `
  INSERT INTO ${table} (day, id, partition, sequence, project_id, workflow_id, version_id, state, assignment, deaths,
    create_time, start_time, end_time, event_falls_back_to_body, trigger_kind, trace_parent, trace_id, exit_reason, failure,
    event, context)
  SELECT '${day}', r.id, 3, r.n, w.project_id, w.workflow_id, w.version_id, r.state, 1, 0,
    r.at, r.at + interval '2 milliseconds', r.at + r.took, true, 'http', '', r.hash,
    CASE WHEN r.state = 'CANCELLED' THEN 'not wanted any more' ELSE '' END,
    CASE WHEN r.state = 'FAILED' THEN CASE r.n % 3 WHEN 0 THEN 'KeyError: ''name''' WHEN 1 THEN
      'requests.exceptions.HTTPError: 503 Server Error' ELSE 'EnvironmentDied: case ' || r.n END END,
    convert_to('{"method":"POST","path":"/","headers":{"content-type":"application/json"},"body":{"name":"' || repeat(r.hash, 5) || '"}}', 'UTF8'),
    convert_to('{"id":"' || r.id || '","trace_id":"' || r.hash || '","ts":"2026-01-01T00:00:00.000Z","workflow_name":"filled"}', 'UTF8')
  FROM (
    SELECT n, hash, to_timestamp(ms / 1000.0) AS at,
      interval '1 millisecond' * (3 + power(random(), 8) * 60000) AS took,
      CASE WHEN n % 25 = 0 THEN 'FAILED' WHEN n % 100 = 1 THEN 'CANCELLED' ELSE 'SUCCEEDED' END AS state,
      (lpad(to_hex(ms), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS id
    FROM (SELECT n, md5(n::text || '${day}') AS hash, ${startMs} + (n::float8 / ${runs} * ${Math.floor(spanMs)})::int8 AS ms
          FROM generate_series(0, ${runs - 1}) n) t
  ) r JOIN bench_workflows w ON w.place = floor(${WORKFLOWS} * power(('x' || substr(r.hash, 1, 7))::bit(28)::int / 268435456.0, 3))`;

/** One step, and of some runs two; of a failed run it says how it failed. */
const STEPS = (table: string, runs: string): string => `
  INSERT INTO ${table} (day, run_id, path, ordinal, assignment, name, execution_id, start_time, end_time, last_log_sequence,
    exports, return_value, detail)
  SELECT r.day, r.id, 'steps/' || s, s + 1, 1, 'step' || s + 1, left(r.trace_id, 16), r.start_time, r.end_time, 2,
    convert_to('{"rows":' || r.sequence || ',"hash":"' || r.trace_id || '"}', 'UTF8'),
    convert_to('{"name":"' || r.trace_id || '"}', 'UTF8'),
    CASE WHEN r.state = 'FAILED' THEN json_build_object('failure', json_build_object('cause', 'EXCEPTION',
      'type', split_part(r.failure, ':', 1), 'message', split_part(r.failure, ': ', 2), 'traceback',
      'Traceback (most recent call last): ' || repeat('line ', 40), 'line', 3)) END
  FROM ${runs} r, generate_series(0, CASE WHEN r.state = 'SUCCEEDED' AND r.sequence % 4 = 0 THEN 1 ELSE 0 END) s`;
