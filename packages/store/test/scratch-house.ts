import { randomBytes, randomUUID } from "node:crypto";
import {
  createRunId,
  type AcceptChange,
  type Change,
  type CommitBatch,
  type EndChange,
  type LoadedRun,
  type RunSpec,
  type StepResult,
  type UpdateChange,
} from "@millrace/core";
import { scratchPostgres } from "@millrace/testkit";
import pg from "pg";
import {
  createVault,
  migrate,
  openCommitter,
  openStore,
  type Committer,
  type RecordedOutcome,
  type Store,
} from "../src/index.ts";

/** Under which scratch houses keep secrets. */
export const MASTER_KEY = "ef".repeat(32);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function prepare(url: string): Promise<void> {
  await migrate(url, { partitionCount: 16 });
}

/** A migrated database of its own, with everything that a test needs of it. Ends with `await using`. */
export interface ScratchHouse extends AsyncDisposable {
  readonly url: string;
  readonly store: Store;
  readonly projectId: string;
  /** A deployed workflow's spec. */
  readonly spec: RunSpec;
  /** A plain connection, closed with the house. */
  connect(options?: pg.ClientConfig): Promise<pg.Client>;
  /** A scheduler that owns these partitions. */
  createWriter(partitions: number[], options?: { keyTtlMs?: number; statementTimeoutMs?: number }): Promise<Writer>;
}

/** What a new owner of these partitions finds: all of it in one list, and the partitions whose epoch has moved. */
export async function loadAll(
  house: ScratchHouse,
  epochs: ReadonlyMap<number, number>,
): Promise<{ rows: LoadedRun[]; moved: Set<number> }> {
  const loaded = await house.store.partitions.load(epochs);
  const rows = [...loaded.values()].flatMap((partition) => partition.rows);
  return { rows, moved: new Set([...epochs.keys()].filter((partition) => !loaded.has(partition))) };
}

/** Makes one. */
export async function createScratchHouse(): Promise<ScratchHouse> {
  const url = await (await scratchPostgres()).createDatabase(prepare);
  const store = await openStore({ url, vault: createVault(MASTER_KEY) });
  const closing: (() => Promise<void>)[] = [() => store.close()];
  const project = await store.projects.ensure("default");
  const spec = await deploy(store, project.id);
  return {
    url,
    store,
    projectId: project.id,
    spec,
    connect: async (options) => {
      const client = new pg.Client({ connectionString: url, ...options });
      client.on("error", () => undefined);
      await client.connect();
      closing.unshift(() => client.end().catch(() => undefined));
      return client;
    },
    createWriter: async (partitions, options) => {
      const committer = openCommitter({ url, ...options });
      closing.unshift(() => committer.close());
      const writer = new Writer(store, committer);
      await store.partitions.registerCommitter(writer.name);
      await writer.take(partitions);
      return writer;
    },
    [Symbol.asyncDispose]: async () => {
      for (const close of closing) await close();
    },
  };
}

async function deploy(store: Store, projectId: string): Promise<RunSpec> {
  const { workflow } = await store.workflows.create(projectId, "pokemon");
  const change = await store.workflows.deploy(createDeploy(projectId, workflow.id));
  return change.workflow.version!.spec;
}

/** A deploy with one HTTP trigger and two steps. */
export function createDeploy(projectId: string, workflowId: string) {
  return {
    projectId,
    workflowId,
    definition: { name: "pokemon", steps: [{ name: "fetch" }, { name: "answer" }] },
    sources: { "fetch.py": "def handler(pd):\n    return 1\n", "answer.py": "" },
    modules: {},
    packages: null,
    spec: {
      pool: "default",
      pythonMinor: "3.11",
      stepNames: ["fetch", "answer"],
      concurrencyLimit: 0,
      queueLimit: 0,
      runTimeoutMs: 300_000,
    },
    triggers: [{ name: "http", kind: "http", settings: { respond: "workflow" } }],
  };
}

/** Writes as a scheduler does: numbered commits under the epochs that it took. */
export class Writer {
  readonly name = `scheduler-${randomUUID()}`;
  readonly epochs = new Map<number, number>();
  readonly committer: Committer;
  readonly #store: Store;
  #number = 0;

  constructor(store: Store, committer: Committer) {
    this.#store = store;
    this.committer = committer;
  }

  async take(partitions: number[]): Promise<void> {
    for (const [partition, epoch] of await this.#store.partitions.take(partitions)) this.epochs.set(partition, epoch);
  }

  /** The next commit, not yet sent. */
  batch(...changes: Change[]): CommitBatch {
    const epochs = new Map(changes.map(({ partition }) => [partition, this.epochs.get(partition)!]));
    return { committer: this.name, number: ++this.#number, epochs, changes };
  }

  commit(...changes: Change[]): Promise<RecordedOutcome> {
    return this.committer.commit(this.batch(...changes));
  }
}

let sequence = 0;

/** An accept of a new run. */
export function createAccept(spec: RunSpec, given: Partial<AcceptChange> & { timeMs?: number } = {}): AcceptChange {
  const { timeMs = Date.now(), ...rest } = given;
  return {
    kind: "accept",
    partition: 3,
    runId: createRunId(timeMs, randomBytes(10)),
    sequence: ++sequence,
    priority: 0,
    parked: false,
    spec,
    input: {
      eventJson: bytes('{"body":{"name":"Bulbasaur"}}'),
      eventFallsBackToBody: true,
      contextJson: bytes('{"id":"x"}'),
      triggerKind: "http",
      traceParent: "",
      traceId: randomBytes(16).toString("hex"),
      createTimeMs: timeMs,
    },
    idempotencyKey: "",
    gateway: "gateway-1",
    wantsAnswer: true,
    wantsEnd: false,
    ...rest,
  };
}

/** A finished step. */
export function createStep(index: number, given: Partial<StepResult> = {}): StepResult {
  return {
    path: `steps/${index}`,
    name: ["fetch", "answer"][index] ?? `step ${index}`,
    executionId: randomUUID(),
    exportsJson: bytes(`{"step":${index}}`),
    returnValueJson: bytes(`"returned ${index}"`),
    response: undefined,
    exit: undefined,
    failure: undefined,
    pause: undefined,
    startTimeMs: 1_700_000_000_000 + index,
    endTimeMs: 1_700_000_000_500 + index,
    lastLogSequence: index * 10,
    ...given,
  };
}

/** A run that goes on. */
export function createUpdate(run: AcceptChange, given: Partial<UpdateChange> = {}): UpdateChange {
  const { partition, runId } = run;
  const marks = { assignment: 1, startTimeMs: 1_700_000_000_000, wakeTimeMs: null, deaths: [] };
  return { kind: "update", partition, runId, state: "RUNNING", ...marks, step: null, ...given };
}

/** A run that ends. */
export function createEnd(run: AcceptChange, given: Partial<EndChange> = {}): EndChange {
  const { partition, runId } = run;
  const times = { startTimeMs: 1_700_000_000_000, endTimeMs: 1_700_000_001_000 };
  return {
    kind: "end",
    partition,
    runId,
    state: "SUCCEEDED",
    assignment: 1,
    ...times,
    step: null,
    exitReason: "",
    ...given,
  };
}

/** Waits until a condition holds; throws after thirty seconds. */
export async function waitUntil(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within thirty seconds`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until that many sessions of the database wait for a lock. */
export async function waitForLockWaiters(client: pg.Client, count: number): Promise<void> {
  await waitUntil(`${count} sessions waiting for a lock`, async () => {
    const { rows } = await client.query(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    return rows.length >= count;
  });
}
