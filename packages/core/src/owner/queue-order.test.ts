import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Assign, Heartbeat, Submit } from "../messages.ts";
import { TIMING_DEFAULT } from "../timing.ts";
import type { OwnerPort, QueueQuery, ShareRequest } from "./owner-port.ts";
import { Owner } from "./owner.ts";
import type { CommitBatch, LoadedQueue, LoadedRun } from "./record.ts";
import { isBefore } from "./workflow-queue.ts";

const HEAD = 8;
const SLOTS = 4;
const ENVIRONMENTS = SLOTS + 1;
const NOTHING = new Uint8Array();

/** An owner of one partition over a record in memory that answers at once, and one runner whose runs end when the test says so. */
class World {
  nowMs = 0;
  readonly record = new Map<string, LoadedRun>();
  readonly assigned: Assign[] = [];
  readonly told: string[] = [];
  readonly outcomes = new Map<string, string>();
  projectLimit = Infinity;
  canPage = true;
  /** False while the record is away: what was to be committed waits. */
  canCommit = true;
  private readonly uncommitted: CommitBatch[] = [];
  memoryMax = 0;
  reads = 0;
  /** Whether each workflow has a version of its own, and so needs environments of its own. */
  ownVersions = false;
  stepMs = 0;
  /** Runs for which an environment had to be made. */
  coldStarts = 0;
  /** What the runner keeps, those idle for longest first. */
  private readonly environments: { readonly version: string; run: Assign | undefined }[] = [];
  private readonly owner: Owner;
  private readonly later: (() => void)[] = [];
  private count = 0;
  private readonly shares = new Map<number, number>();

  constructor() {
    const settings = { scheduler: "s", partitionCount: 1, timing: TIMING_DEFAULT, queueHeadRuns: HEAD };
    this.owner = new Owner(settings, this.port());
    this.owner.onLease(0, new Set([0]), new Map());
    this.owner.onLease(0, new Set([0]), new Map());
    this.take(1, []);
    this.beat();
  }

  /** The owner takes the partition, with nothing in it but what is parked. */
  take(epoch: number, queues: readonly LoadedQueue[]): void {
    const found = { rows: [], queues, shares: [], nextWakeMs: null, outbox: { names: [], more: false } };
    this.owner.onTaken([0], new Map([[0, { epoch, found }]]));
    this.settle();
  }

  private port(): OwnerPort {
    const soon = (action: () => void) => void this.later.push(action);
    const told: Partial<OwnerPort> = {
      nowMs: () => this.nowMs,
      wallMs: () => this.nowMs,
      flushSoon: () => soon(() => this.owner.flush()),
      flushLater: () => soon(() => this.owner.flush()),
      commit: (batch) => (this.canCommit ? soon(() => this.commit(batch)) : void this.uncommitted.push(batch)),
      pageQueues: (queries) => soon(() => this.page(queries)),
      leaseShares: (requests) => soon(() => this.lease(requests)),
      findSubmits: (queries) =>
        soon(() =>
          this.owner.onSubmitsFound(
            queries,
            queries.map(() => undefined),
          ),
        ),
      findRun: (partition, epoch, request) =>
        soon(() => {
          const resting = this.record.get(request.message.runId);
          this.owner.onRunFound(partition, epoch, request, { state: resting?.state, resting, resumedBy: undefined });
        }),
      toRunner: (_runner, kind, message) => void (kind === "assign" && this.execute(message as Assign)),
      toGateway: (_gateway, kind, message) => {
        if (kind === "accepted" && "outcome" in message) this.outcomes.set(message.runId, message.outcome);
        if (kind === "cancelled") this.told.push(message.runId);
      },
    };
    return new Proxy(told as OwnerPort, {
      get: (port, name) => (port as unknown as Record<string | symbol, unknown>)[name] ?? (() => undefined),
    });
  }

  private execute(run: Assign): void {
    this.assigned.push(run);
    const warm = this.environments.findLast(({ version, run: one }) => version === run.spec.versionId && !one);
    if (warm) return void (warm.run = run);
    this.coldStarts += 1;
    const idle = this.environments.findIndex((one) => !one.run);
    if (this.environments.length >= ENVIRONMENTS) this.environments.splice(idle, 1);
    this.environments.push({ version: run.spec.versionId, run });
  }

  private commit({ changes }: CommitBatch): void {
    for (const change of changes) {
      const row = this.record.get(change.runId);
      if (change.kind === "accept") this.record.set(change.runId, toRow(change));
      else if (change.kind === "update" && row) {
        const { state, assignment, parked = row.parked } = change;
        this.record.set(change.runId, { ...row, state, assignment, parked });
      } else if (change.kind === "end") this.record.delete(change.runId);
    }
    this.owner.onCommitted({ refused: new Set(), accepts: new Map() });
  }

  private page(queries: readonly QueueQuery[]): void {
    this.reads += 1;
    if (!this.canPage) return this.owner.onQueuesPaged(queries, undefined);
    const pages = queries.map(({ workflowId, from, runsMax }) => {
      const parked = [...this.record.values()].filter((row) => row.parked && row.spec.workflowId === workflowId);
      const rows = parked.filter((row) => !isBefore(row, from)).sort((a, b) => (isBefore(a, b) ? -1 : 1));
      return { rows: rows.slice(0, runsMax), next: rows[runsMax] };
    });
    this.owner.onQueuesPaged(queries, pages);
  }

  private lease(requests: readonly ShareRequest[]): void {
    const shares = requests.map(({ partition, wanted }) => {
      this.shares.set(partition, Math.min(wanted, this.projectLimit));
      return this.shares.get(partition);
    });
    this.owner.onSharesLeased(requests, { shares, wanting: [] });
  }

  /** Until nothing is under way. */
  settle(): void {
    for (let next = this.later.shift(); next; next = this.later.shift()) {
      next();
      this.memoryMax = Math.max(this.memoryMax, this.owner.counts().runs);
    }
  }

  /** The record is there again. */
  recover(): void {
    this.canCommit = true;
    for (const batch of this.uncommitted.splice(0)) this.commit(batch);
    this.settle();
  }

  get inMemory(): number {
    return this.owner.counts().runs;
  }

  submit(workflowId: string, priority = 0, queueLimit = 1_000_000, runId = `${workflowId}-${++this.count}`): string {
    const spec = {
      ...{
        projectId: "p",
        workflowId,
        versionId: this.ownVersions ? workflowId : "v",
        pool: "default",
        pythonMinor: "",
        stepNames: ["a"],
      },
      ...{ concurrencyLimit: 0, queueLimit, runTimeoutMs: 1000 },
    };
    const input = {
      ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "api" },
      ...{ traceParent: "", traceId: "", createTimeMs: 0 },
    };
    const message: Submit = {
      ...{ partition: 0, runId, spec, input, priority, idempotencyKey: "", gateway: "g" },
      ...{ wantsAnswer: false, wantsEnd: false },
    };
    this.owner.onSubmit(message);
    this.settle();
    return runId;
  }

  cancel(runId: string): void {
    this.owner.onCancel({ partition: 0, runId, gateway: "g", reason: "" });
    this.settle();
  }

  /** All runs at the runner end. */
  endAll(): void {
    const startTimeMs = this.nowMs;
    this.nowMs += this.stepMs;
    for (const run of this.assigned.slice(this.ended)) {
      const { owner, runId, assignment, runnerIncarnation } = run;
      const handing = { partition: owner.partition, runId, assignment };
      const result = {
        ...{ path: "steps/0", name: "a", executionId: runId, exportsJson: NOTHING, returnValueJson: undefined },
        ...{ response: undefined, exit: undefined, failure: undefined, pause: undefined },
        ...{ startTimeMs, endTimeMs: this.nowMs, lastLogSequence: 0 },
      };
      this.ended += 1;
      const at = this.environments.findIndex((one) => one.run === run);
      this.environments.push({ version: this.environments.splice(at, 1)[0]!.version, run: undefined });
      this.owner.onCheckpoint({ handing, runner: "r", runnerIncarnation, result });
      this.settle();
    }
  }
  private ended = 0;

  /** Runs end, and the runner speaks, until nothing is left. */
  runOut(): void {
    while (this.record.size > 0) {
      this.endAll();
      this.beat();
    }
  }

  get started(): string[] {
    return this.assigned.map(({ runId }) => runId);
  }

  beat(): void {
    this.owner.onLease(this.nowMs, new Set([0]), new Map());
    const running = this.assigned.slice(this.ended);
    const held = running.map(({ owner: { partition }, runId, assignment }) => {
      return { handing: { partition, runId, assignment }, path: "", lastLogSequence: 0 };
    });
    const idle = Map.groupBy(
      this.environments.filter(({ run }) => !run),
      ({ version }) => version,
    );
    const warmVersions = Array.from(idle, ([versionId, { length }]) => ({ versionId, idle: length }));
    const beat: Heartbeat = {
      ...{ runner: "r", incarnation: "1", stampMs: 1 + this.nowMs, pool: "default", slotsTotal: SLOTS, slotsFree: 0 },
      ...{ pythonMinors: [], held, gone: [], warmVersions, draining: false, labels: [], offers: [] },
      ...{ offersSlots: false, crowded: this.coldStarts > ENVIRONMENTS },
    };
    this.owner.onHeartbeat(beat);
    this.settle();
  }
}

function toRow(change: Extract<CommitBatch["changes"][number], { kind: "accept" }>): LoadedRun {
  return { ...change, state: "PENDING", assignment: 1, startTimeMs: null, wakeTimeMs: null, deaths: [], steps: [] };
}

describe("an owner's queues", () => {
  it("keep a bounded head of what waits in memory, and start everything once, in the order of acceptance", () => {
    const world = new World();
    const ids = Array.from({ length: 500 }, () => world.submit("w"));
    assert.ok(world.memoryMax <= SLOTS + HEAD + 1, `${world.memoryMax} runs in memory`);
    assert.equal(world.reads, 0, "nothing is read before something has to start");
    while (world.record.size > 0) world.endAll();
    assert.deepEqual(world.started, ids);
    assert.ok(world.memoryMax <= 2 * (SLOTS + HEAD), `${world.memoryMax} runs in memory`);
  });

  it("start higher priorities first, also those that are parked", () => {
    const world = new World();
    const priorities = Array.from({ length: 120 }, (_, n) => [0, 5, -5, 7][n % 4]!);
    const ids = priorities.map((priority) => world.submit("w", priority));
    while (world.record.size > 0) world.endAll();
    const waited = world.started.slice(SLOTS).map((id) => priorities[ids.indexOf(id)]!);
    assert.deepEqual(
      waited,
      waited.toSorted((a, b) => b - a),
    );
    assert.equal(new Set(world.started).size, ids.length);
  });

  it("let a hot workflow keep no other one waiting for more than a round", () => {
    const world = new World();
    for (let n = 0; n < 2000; n++) world.submit("hot");
    const waits: number[] = [];
    for (let n = 0; n < 40; n++) {
      const [before, id] = [world.started.length, world.submit(`small${n % 5}`)];
      while (!world.started.includes(id)) world.endAll();
      waits.push(world.started.indexOf(id) - before);
    }
    // Runs that started before one that had just come: at most as many as there are slots.
    assert.ok(Math.max(...waits) <= SLOTS, `waits of ${waits.join()}`);
  });

  it("let more workflows than there are environments take longer turns of short runs", () => {
    const world = new World();
    [world.ownVersions, world.stepMs] = [true, 5];
    for (let n = 0; n < 600; n++) world.submit(`w${n % 15}`);
    world.runOut();
    assert.equal(new Set(world.started).size, 600);
    // In turns of one run nearly every one of them would be a cold start.
    assert.ok(world.coldStarts <= 60, `${world.coldStarts} cold starts`);
  });

  it("let no run of a workflow wait for more than a turn of each of the others", () => {
    const world = new World();
    [world.ownVersions, world.stepMs] = [true, 10];
    for (let n = 0; n < 1000; n++) world.submit("hot");
    for (let n = 0; n < 1000; n++) world.submit("warm");
    const waits: number[] = [];
    for (let n = 0; n < 20; n++) {
      const [before, id] = [world.nowMs, world.submit(`small${n % 5}`)];
      while (!world.started.includes(id)) {
        world.endAll();
        world.beat();
      }
      waits.push(world.nowMs - before);
    }
    assert.ok(Math.max(...waits) <= 100, `waits of ${waits.join()} ms`);
  });

  it("give runs that take long to one workflow after the other, although another environment has to be made", () => {
    const world = new World();
    [world.ownVersions, world.stepMs] = [true, 1200];
    for (let n = 0; n < 120; n++) world.submit(`w${n % 12}`);
    world.runOut();
    const order = world.assigned.slice(SLOTS).map(({ spec }) => spec.workflowId);
    for (let n = 0; n + 12 <= order.length - SLOTS; n += 12) {
      assert.equal(new Set(order.slice(n, n + 12)).size, 12, `a round without one of them: ${order.join(" ")}`);
    }
  });

  it("cancel a run that waits in the record alone, behind a full head", () => {
    const world = new World();
    const ids = Array.from({ length: 100 }, () => world.submit("w"));
    world.cancel(ids[60]!);
    assert.deepEqual([world.told, world.record.has(ids[60]!)], [[ids[60]], false]);
    while (world.record.size > 0) world.endAll();
    assert.deepEqual(
      world.started,
      ids.filter((id) => id !== ids[60]),
    );
  });

  it("begin behind an outage of the record what is still asked for, and nothing that was given up meanwhile", () => {
    const world = new World();
    world.canCommit = false;
    const underWay = world.submit("w");
    const [givenUp, asked] = [world.submit("w"), world.submit("w")];
    for (let n = 0; n < 10; n++) {
      world.nowMs += 1000;
      world.beat();
      world.submit("w", 0, 1_000_000, asked);
    }
    world.recover();
    assert.deepEqual([...world.record.keys()], [underWay, asked]);
    assert.deepEqual(world.started, [underWay, asked]);
    assert.equal(world.inMemory, 2);
    // Whoever asks again is somebody new.
    world.submit("w", 0, 3, givenUp);
    assert.deepEqual(world.started, [underWay, asked, givenUp]);
  });

  it("refuse what is beyond a workflow's limit, parked runs included, and what is beyond the project's", () => {
    const world = new World();
    const ids = Array.from({ length: 60 }, () => world.submit("w", 0, 50));
    const outcomes = ids.map((id) => world.outcomes.get(id));
    assert.equal(outcomes.filter((outcome) => outcome === "QUEUE_FULL").length, 60 - 50 - SLOTS);
    const full = new World();
    full.projectLimit = 30;
    const others = Array.from({ length: 60 }, (_, n) => full.submit(`w${n % 3}`));
    const refused = others.filter((id) => full.outcomes.get(id) === "PROJECT_QUEUE_FULL");
    assert.equal(refused.length, 60 - 30 - SLOTS);
    assert.equal(full.record.size, 30 + SLOTS);
  });

  it("count what a former owner has parked towards its project's limit, before any of it is read", () => {
    const world = new World();
    [world.canPage, world.projectLimit] = [false, 30];
    world.take(2, [{ workflowId: "v", projectId: "p", parked: 20, first: { priority: 0, sequence: 1 } }]);
    const ids = Array.from({ length: 40 }, () => world.submit("w"));
    const refused = ids.filter((id) => world.outcomes.get(id) === "PROJECT_QUEUE_FULL");
    assert.equal(refused.length, 40 - (30 - 20) - SLOTS);
  });
});
