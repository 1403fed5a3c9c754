import pg from "pg";

import { ALL_RUNS, stateName, type ApiClient } from "@millrace/cli";

/** A step of a run as the record keeps it. */
export interface KeptStep {
  readonly path: string;
  /** What the step returned: its token among it. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** A run as the record keeps it. */
export interface KeptRun {
  readonly id: string;
  readonly workflow: string;
  readonly state: string;
  readonly mark: string;
  /** What else was in its event. */
  readonly event: Readonly<Record<string, unknown>>;
  readonly steps: readonly KeptStep[];
  readonly failure: string | undefined;
}

/** Everything that is left of a test when it is over. */
export interface ReadBack {
  /** As rows: a run that the record holds twice is here twice. */
  readonly runs: readonly KeptRun[];
  /** Runs by id as the API lists them. */
  readonly listed: ReadonlyMap<string, string>;
  /** The project's default data store. */
  readonly store: ReadonlyMap<string, unknown>;
}

const RUNS = `
  SELECT r.id, w.name AS workflow, r.state, r.event FROM runs r JOIN workflows w ON w.id = r.workflow_id
  UNION ALL
  SELECT h.id, w.name, h.state, h.event FROM history_runs h JOIN workflows w ON w.id = h.workflow_id`;
const STEPS = `
  SELECT run_id, path, ordinal, return_value, detail FROM run_steps
  UNION ALL
  SELECT run_id, path, ordinal, return_value, detail FROM history_steps ORDER BY run_id, ordinal`;
const STORE = `
  SELECT r.key, r.value FROM data_store_records r JOIN data_stores s ON s.id = r.store_id WHERE s.name = 'default'`;

interface RunRow {
  id: string;
  workflow: string;
  state: string;
  event: Buffer;
}

interface StepRow {
  run_id: string;
  path: string;
  return_value: Buffer | null;
  detail: { failure?: { type?: string; message?: string } } | null;
}

/** Reads the record itself, beside what the API says of it. */
export async function readBack(databaseUrl: string, client: ApiClient): Promise<ReadBack> {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const runs = await database.query<RunRow>(RUNS);
    const steps = await database.query<StepRow>(STEPS);
    const store = await database.query<{ key: Buffer; value: Buffer }>(STORE);
    const stepsOf = Map.groupBy(steps.rows, (row) => row.run_id);
    return {
      runs: runs.rows.map((row) => keptRun(row, stepsOf.get(row.id) ?? [])),
      listed: await listRuns(client),
      store: new Map(store.rows.map(({ key, value }) => [key.toString(), JSON.parse(value.toString()) as unknown])),
    };
  } finally {
    await database.end();
  }
}

/** What has not ended. */
export interface Unfinished {
  readonly count: number;
  /** Runs that wait for somebody to follow a link. */
  readonly waiting: readonly { readonly id: string; readonly mark: string }[];
}

const UNFINISHED = `
  SELECT r.id, r.event, w.name = 'suspended' AND r.state = 'SUSPENDED' AS waits
    FROM runs r JOIN workflows w ON w.id = r.workflow_id`;

/** Which runs have not ended. */
export async function readUnfinished(databaseUrl: string): Promise<Unfinished> {
  const bounds = { connectionTimeoutMillis: 5_000, query_timeout: 5_000 };
  const database = new pg.Client({ connectionString: databaseUrl, ...bounds });
  database.on("error", () => undefined);
  try {
    await database.connect();
    const { rows } = await database.query<{ id: string; event: Buffer; waits: boolean }>(UNFINISHED);
    const waiting = rows.filter(({ waits }) => waits);
    return { count: rows.length, waiting: waiting.map(({ id, event }) => ({ id, mark: markOf(event) })) };
  } finally {
    await database.end().catch(() => undefined);
  }
}

function markOf(event: Buffer): string {
  return (JSON.parse(event.toString()) as { mark?: string }).mark ?? "";
}

function keptRun({ id, workflow, state, event }: RunRow, steps: readonly StepRow[]): KeptRun {
  const parsed = JSON.parse(event.toString()) as { mark?: string };
  const failed = steps.find(({ detail }) => detail?.failure !== undefined && detail.failure !== null)?.detail?.failure;
  return {
    ...{ id, workflow, state, event: parsed, mark: parsed.mark ?? "" },
    steps: steps.map(({ path, return_value: value }) => ({
      path,
      value: value === null ? {} : (JSON.parse(value.toString()) as Record<string, unknown>),
    })),
    failure: failed && `${failed.type}: ${failed.message}`,
  };
}

async function listRuns(client: ApiClient): Promise<Map<string, string>> {
  const listed = new Map<string, string>();
  let pageToken = "";
  do {
    const request = { ...ALL_RUNS, pageToken };
    const page = await client.runs.listRuns(request, { deadlineMs: 30_000 });
    for (const { id, state } of page.runs) listed.set(id, stateName(state));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return listed;
}
