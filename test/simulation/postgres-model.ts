import {
  isBefore,
  isResumePath,
  nextStepPath,
  parseStepPath,
  placeStep,
  takenSteps,
  resumePath,
  stepPath,
  type AcceptChange,
  type AcceptOutcome,
  type Change,
  type CommitBatch,
  type CommitOutcome,
  type DeathCause,
  type EndChange,
  type FoundRun,
  type LoadedPartition,
  type LoadedQueue,
  type LoadedRun,
  type OutboxMessage,
  type OutboxPage,
  type OutboxQuery,
  type OutboxTargets,
  type QueuePage,
  type QueueQuery,
  type QueueShare,
  type RecordedRun,
  type RunState,
  type ShareOutcome,
  type ShareRequest,
  type StepResult,
  type SubmitQuery,
  type Taken,
  type UpdateChange,
  type WakePage,
  type WakeQuery,
} from "@millrace/core";
import type { RunPlan } from "./run-plan.ts";
import type { Process } from "./process.ts";
import { LIMITED } from "./run-plan.ts";
import { PARTITIONS, type Simulation } from "./simulation.ts";

/** A run's row. */
export interface Row {
  readonly runId: string;
  readonly accept: AcceptChange;
  state: RunState;
  assignment: number;
  steps: StepResult[];
  startTimeMs: number | null;
  wakeTimeMs: number | null;
  deaths: readonly DeathCause[];
  parked: boolean;
  wasParked: boolean;
  /** How often it has paused. */
  pauses: number;
  /** All executions of steps that are committed, those that were superseded too. */
  readonly executions: Set<string>;
}

/** An answer of undefined means: the connection broke, the outcome is unknown (the statement may even run later). */
type Reply<T> = (result: T | undefined) => void;

const STATEMENT_TIMEOUT_MS = 2000;

/** The record. A commit locks its partition rows (FOR SHARE) from its check to its end; takeover waits for them. */
export class PostgresModel {
  readonly hot = new Map<string, Row>();
  readonly history = new Map<string, Row>();
  readonly plans = new Map<string, RunPlan>();
  readonly outbox = new Map<string, OutboxMessage>();
  private readonly shares = new Map<
    string,
    { projectId: string; partition: number; share: number; wanted: number; number: number }
  >();
  private readonly resumptions = new Map<string, string>();
  private readonly simulation: Simulation;
  private readonly partitions = Array.from({ length: PARTITIONS }, () => ({ epoch: 0, locks: 0 }));
  private readonly committers = new Map<string, number>();
  private readonly keys = new Map<string, string>();
  private readonly operations = new Set<string>();
  private downUntilMs = 0;
  private crashes = 0;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** True when the owner of the run's partition has been the same since the run was accepted. */
  isOfCurrentOwner({ accept }: Row): boolean {
    return Math.floor(accept.sequence / 2 ** 32) === this.partitions[accept.partition]!.epoch;
  }

  /** True when its partition has had one owner all the time. */
  isOfFirstOwner({ accept }: Row): boolean {
    return this.partitions[accept.partition]!.epoch === 1;
  }

  /** Statements in flight are rolled back; everything committed stays. */
  crash(untilMs: number): void {
    this.downUntilMs = untilMs;
    this.crashes += 1;
    for (const partition of this.partitions) partition.locks = 0;
  }

  /** Runs a statement for a process over a connection that may break before or after it. */
  private call<T>(process: Process, statement: (answer: (result: T) => void) => void, reply: Reply<T>): void {
    const { simulation } = this;
    const { random, queue } = simulation;
    if (simulation.nowMs < this.downUntilMs || simulation.nowMs < process.postgresCutUntilMs) {
      return process.later(100, () => reply(undefined));
    }
    const dice = simulation.nowMs < simulation.faultsEndMs && simulation.kind === "chaos" ? random.next() : 1;
    if (dice < 0.01) return process.later(10, () => reply(undefined));
    let delayMs = random.uniform(0.2, 3);
    if (dice < 0.04) {
      // It runs, perhaps late, but the client never learns of it.
      process.later(10, () => reply(undefined));
      delayMs = random.choice([delayMs, random.uniform(0, 1500)]);
      return queue.at(delayMs, () => this.whileUp(() => statement(() => undefined)));
    }
    const { incarnation } = process;
    let gone = false;
    const once = (result: T | undefined) => {
      if (gone || process.incarnation !== incarnation) return;
      gone = true;
      process.later(0.3, () => reply(result));
    };
    queue.at(delayMs, () => this.whileUp(() => statement(once)));
    process.later(STATEMENT_TIMEOUT_MS, () => {
      if (gone) return;
      gone = true;
      reply(undefined);
    });
  }

  private whileUp(action: () => void): void {
    if (this.simulation.nowMs >= this.downUntilMs) action();
  }

  commit(process: Process, batch: CommitBatch, reply: Reply<CommitOutcome>): void {
    this.call(process, (answer) => this.lockAndApply(batch, answer), reply);
  }

  /** Phase 1: lock the partition rows whose epoch is still the writer's. */
  private lockAndApply(batch: CommitBatch, answer: (outcome: CommitOutcome) => void): void {
    const { simulation } = this;
    const locks = !simulation.has("epoch_no_lock");
    const fenced = !simulation.has("no_fence");
    const good = [...batch.epochs].filter(
      ([partition, epoch]) => !fenced || this.partitions[partition]!.epoch === epoch,
    );
    if (locks) for (const [partition] of good) this.partitions[partition]!.locks += 1;
    const slow = !simulation.isQuiet && simulation.random.next() < 0.03;
    const { crashes } = this;
    simulation.queue.at(slow ? simulation.random.uniform(50, 800) : 0.5, () => {
      if (crashes !== this.crashes) return;
      answer(this.apply(batch, new Set(good.map(([partition]) => partition))));
      if (locks) for (const [partition] of good) this.partitions[partition]!.locks -= 1;
    });
  }

  /** Phase 2: apply what is not refused, and answer with the outcome of each change. */
  private apply(batch: CommitBatch, good: ReadonlySet<number>): CommitOutcome {
    const { simulation } = this;
    const again = (this.committers.get(batch.committer) ?? 0) >= batch.number && !simulation.has("no_commit_number");
    const accepts = new Map<string, AcceptOutcome>();
    for (const change of batch.changes) {
      if (!good.has(change.partition)) continue;
      if (this.partitions[change.partition]!.epoch !== batch.epochs.get(change.partition)) {
        simulation.fail("two owners write partition", change.partition);
      }
      const inserted = again ? false : this.applyOne(change);
      if (change.kind === "accept") accepts.set(change.runId, inserted ? { kind: "inserted" } : this.outcomeOf(change));
    }
    this.committers.set(batch.committer, Math.max(batch.number, this.committers.get(batch.committer) ?? 0));
    const refused = [...batch.epochs.keys()].filter((partition) => !good.has(partition));
    return { refused: new Set(refused), accepts };
  }

  /** A start that is committed is a promise. */
  private send({ runId }: Row, message: OutboxMessage): void {
    if (this.outbox.has(message.id)) return;
    this.outbox.set(message.id, message);
    const { body } = message;
    if (body.kind !== "START") return;
    this.plans.set(body.childId, this.plans.get(runId)!.child!.plan);
    this.simulation.monitor.acknowledged.add(body.childId);
  }

  private outcomeOf({ runId, spec, idempotencyKey, sequence }: AcceptChange): AcceptOutcome {
    const row = this.hot.get(runId);
    if (row) return row.accept.sequence === sequence ? { kind: "inserted" } : { kind: "exists", ended: false };
    if (this.history.has(runId)) return { kind: "exists", ended: true };
    return { kind: "key", runId: this.keys.get(`${spec.workflowId}/${idempotencyKey}`) ?? runId };
  }

  private applyOne(change: Change): boolean {
    if (change.kind === "accept") return this.insert(change);
    if (change.kind === "delivered") return this.outbox.delete(change.id);
    const row = this.hot.get(change.runId);
    if (!row) return this.simulation.fail("run", change.runId, "has ended and gets a checkpoint or a second end");
    if (change.lost) this.simulation.monitor.lost(row, change.lost);
    if (change.kind === "update") this.update(row, change);
    else this.end(row, change);
    for (const message of change.outbox ?? []) this.send(row, message);
    return true;
  }

  private insert(change: AcceptChange): boolean {
    const { simulation } = this;
    const { runId, spec, idempotencyKey } = change;
    if (this.hot.has(runId) || (this.history.has(runId) && !simulation.has("no_history_lookup"))) return false;
    if (idempotencyKey !== "" && !this.claimKey(`${spec.workflowId}/${idempotencyKey}`, runId)) return false;
    this.hot.set(runId, {
      ...{ runId, accept: change, state: "PENDING", assignment: 1 },
      steps: simulation.has("taken_over_apart") ? [] : takenSteps(change),
      ...{ startTimeMs: null, wakeTimeMs: null, deaths: [], pauses: 0, executions: new Set() },
      ...{ parked: change.parked, wasParked: change.parked },
    });
    this.checkProject(spec.projectId);
    if (spec.workflowId === `w${LIMITED}`) simulation.monitor.places.set(runId, change);
    return true;
  }

  /** Runs that wait since they were accepted; after a takeover their new owner may not know yet which of them do. */
  private checkProject(projectId: string): void {
    const { simulation } = this;
    const waiting = [...this.hot.values()].filter(
      (row) =>
        row.accept.spec.projectId === projectId &&
        row.state === "PENDING" &&
        row.pauses === 0 &&
        this.isOfCurrentOwner(row) &&
        !simulation.monitor.wasAssigned(row.runId),
    );
    if (waiting.length > simulation.projectLimit) {
      simulation.fail(
        "project",
        projectId,
        "has",
        waiting.length,
        "waiting runs, and may have",
        simulation.projectLimit,
      );
    }
  }

  private claimKey(key: string, runId: string): boolean {
    const holder = this.keys.get(key) ?? runId;
    this.keys.set(key, holder);
    if (holder !== runId && this.simulation.has("key_not_unique"))
      this.simulation.fail("two runs for one idempotency key");
    return holder === runId;
  }

  private update(row: Row, change: UpdateChange): void {
    const { simulation } = this;
    const { runId, step } = change;
    if (step) {
      this.addStep(row, step);
    } else if (change.assignment < row.assignment) {
      simulation.fail(
        "run",
        runId,
        "gets assignment",
        change.assignment,
        "although",
        row.assignment,
        "was given already",
      );
    }
    const woken = row.state === "SUSPENDED" && change.state === "RUNNING";
    if (woken && simulation.nowMs < row.wakeTimeMs!) simulation.fail("run", runId, "wakes before its time");
    row.state = change.state;
    row.assignment = change.assignment;
    row.startTimeMs = change.startTimeMs;
    row.wakeTimeMs = change.wakeTimeMs;
    row.deaths = change.deaths;
    row.parked = change.parked ?? row.parked;
    row.wasParked ||= row.parked;
  }

  /** The execution's name tells the assignment that it belongs to, also of a run given up. What ends a pause belongs to none. */
  private addStep(row: Row, step: StepResult): void {
    const { simulation } = this;
    if (isResumePath(step.path)) return this.addResumption(row, step);
    const [, given] = /^poison-(\d+)$/.exec(step.executionId) ?? step.executionId.split("/");
    const assignment = Number(given);
    if (assignment !== row.assignment) {
      simulation.fail(
        "stale checkpoint: run",
        row.runId,
        "assignment",
        assignment,
        "but",
        row.assignment,
        "is current",
      );
    }
    const expected = nextStepPath({ spec: row.accept.spec, steps: row.steps });
    if (step.path !== expected) simulation.fail("step", step.path, "of run", row.runId, "is checkpointed twice");
    placeStep(row.steps, step);
    row.executions.add(step.executionId);
    if (step.pause) row.pauses += 1;
  }

  private addResumption(row: Row, step: StepResult): void {
    const paused = row.steps.at(-1)!;
    if (row.state !== "SUSPENDED" || step.path !== resumePath(paused.path) || paused.resumption) {
      this.simulation.fail("the pause", step.path, "of run", row.runId, "is ended although it is over");
    }
    if (step.executionId.startsWith("result/") && !this.history.has(paused.pause?.child?.runId ?? "")) {
      this.simulation.fail("run", row.runId, "goes on with the result of a run that has not ended");
    }
    this.resumptions.set(`${row.runId}/${step.path}`, step.executionId);
    placeStep(row.steps, step);
  }

  private end(row: Row, change: EndChange): void {
    if (this.history.has(row.runId)) this.simulation.fail("run", row.runId, "reaches a second end");
    if (change.step) this.addStep(row, change.step);
    row.state = change.state;
    row.parked = false;
    this.hot.delete(row.runId);
    this.history.set(row.runId, row);
    this.simulation.log("pg: run", row.runId, change.state);
  }

  /** Raises the epoch (waiting for share locks of commits in flight), then loads in a new snapshot. */
  take(process: Process, partition: number, reply: Reply<Taken>): void {
    this.call<{ epoch: number; early: LoadedPartition | undefined }>(
      process,
      (answer) =>
        this.raise(partition, this.simulation.has("load_old_snapshot") ? this.load(partition) : undefined, answer),
      (raised) => {
        if (!raised) return reply(undefined);
        this.call<LoadedPartition | "moved">(
          process,
          (answer) => answer(this.partitions[partition]!.epoch === raised.epoch ? this.load(partition) : "moved"),
          (found) => {
            if (found === undefined) return reply(undefined);
            reply({ epoch: raised.epoch, found: found === "moved" ? undefined : (raised.early ?? found) });
          },
        );
      },
    );
  }

  private raise(
    partition: number,
    early: LoadedPartition | undefined,
    answer: (result: { epoch: number; early: LoadedPartition | undefined }) => void,
  ): void {
    const row = this.partitions[partition]!;
    if (row.locks > 0) {
      this.simulation.queue.at(1, () => this.whileUp(() => this.raise(partition, early, answer)));
      return;
    }
    row.epoch += 1;
    answer({ epoch: row.epoch, early });
  }

  private load(partition: number): LoadedPartition {
    const rows = this.rowsOf(partition);
    const wakes = this.simulation.has("wake_lost_at_takeover") ? [] : rows.filter((row) => row.state === "SUSPENDED");
    return {
      rows: rows.filter((row) => row.state !== "SUSPENDED" && !row.parked).map((row) => this.loaded(row)),
      queues: this.queuesOf(rows),
      shares: this.sharesOf(partition),
      nextWakeMs: earliest(wakes),
      outbox: this.outboxTargets(partition, ""),
    };
  }

  private queuesOf(rows: readonly Row[]): LoadedQueue[] {
    if (this.simulation.has("queues_forgotten")) return [];
    const parked = Map.groupBy(rows.filter(isParked), ({ accept }) => accept.spec.workflowId);
    return [...parked].map(([workflowId, all]) => {
      const { priority, sequence, spec } = all.map(({ accept }) => accept).sort(byPlace)[0]!;
      return { workflowId, projectId: spec.projectId, parked: all.length, first: { priority, sequence } };
    });
  }

  private sharesOf(partition: number): QueueShare[] {
    const own = [...this.shares.values()].filter((row) => row.partition === partition);
    return own.map(({ projectId, share }) => ({ projectId, share }));
  }

  /** Gives and takes shares of the projects' limit. */
  leaseShares(process: Process, requests: readonly ShareRequest[], reply: Reply<ShareOutcome>): void {
    this.call(
      process,
      (answer) => {
        const shares = requests.map((request) => this.leaseShare(request));
        const wanting = new Set(
          [...this.shares.values()].filter(({ wanted }) => wanted > 0).map((row) => row.projectId),
        );
        this.perhapsLate(() => answer({ shares, wanting: [...wanting] }));
      },
      reply,
    );
  }

  private leaseShare(request: ShareRequest): ShareOutcome["shares"][number] {
    const { partition, epoch, projectId, number, needed, wanted } = request;
    if (this.partitions[partition]!.epoch !== epoch) return "MOVED";
    const key = `${projectId}/${partition}`;
    const before = this.shares.get(key);
    if (before && before.number >= number) return undefined;
    const others = [...this.shares.values()].filter(
      (row) => row.projectId === projectId && row.partition !== partition,
    );
    const taken = others.reduce((sum, row) => sum + row.share, 0);
    const share = Math.max(0, Math.min(wanted, this.simulation.projectLimit - taken));
    this.shares.set(key, { projectId, partition, share, wanted: Math.max(0, needed - share), number });
    return share;
  }

  /** The run that each submit stands for. */
  findSubmits(process: Process, queries: readonly SubmitQuery[], reply: Reply<readonly (string | undefined)[]>): void {
    this.call(
      process,
      (answer) => {
        const found = queries.map(({ runId, workflowId, idempotencyKey: key }) =>
          this.hot.has(runId) || this.history.has(runId)
            ? runId
            : key
              ? this.keys.get(`${workflowId}/${key}`)
              : undefined,
        );
        this.perhapsLate(() => answer(found));
      },
      reply,
    );
  }

  /** Parked runs from a place on, in the order in which they start. */
  pageQueues(process: Process, queries: readonly QueueQuery[], reply: Reply<readonly (QueuePage | undefined)[]>): void {
    this.call(
      process,
      (answer) => {
        const pages = queries.map((query) => this.queuePage(query));
        this.perhapsLate(() => answer(pages));
      },
      reply,
    );
  }

  private queuePage({ partition, epoch, workflowId, from, runsMax }: QueueQuery): QueuePage | undefined {
    if (this.partitions[partition]!.epoch !== epoch) return undefined;
    const all = this.rowsOf(partition).filter((row) => isParked(row) && row.accept.spec.workflowId === workflowId);
    const rows = all.sort((a, b) => byPlace(a.accept, b.accept)).filter(({ accept }) => !isBefore(accept, from));
    const next = rows[runsMax]?.accept;
    return {
      rows: rows.slice(0, runsMax).map((row) => this.loaded(row)),
      next: next && { priority: next.priority, sequence: next.sequence },
    };
  }

  private loaded(row: Row): LoadedRun {
    const run = toLoadedRun(row);
    if (this.simulation.has("checkpoint_ignored")) return { ...run, steps: [] };
    if (!this.simulation.has("executions_forgotten")) return run;
    return { ...run, steps: run.steps.map((step) => ({ ...step, path: stepPath(parseStepPath(step.path)) })) };
  }

  private rowsOf(partition: number): Row[] {
    return [...this.hot.values()].filter((row) => row.accept.partition === partition);
  }

  private outboxTargets(partition: number, beyond: string): OutboxTargets {
    if (this.simulation.has("outbox_forgotten")) return { names: [], more: false };
    const all = [...this.outbox.values()].filter((message) => message.partition === partition);
    const names = [...new Set(all.map(({ target }) => target))].filter((name) => name > beyond).sort();
    return { names: names.slice(0, OUTBOX_PAGE), more: names.length > OUTBOX_PAGE };
  }

  private outboxPage({ partition, epoch, target, after }: OutboxQuery): OutboxPage | undefined {
    if (this.partitions[partition]!.epoch !== epoch) return undefined;
    const all = [...this.outbox.values()].filter((one) => one.partition === partition && one.target === target);
    const messages = all.filter(({ sequence }) => sequence > after).sort((a, b) => a.sequence - b.sequence);
    return { messages: messages.slice(0, OUTBOX_PAGE), more: messages.length > OUTBOX_PAGE };
  }

  /** Paused runs that wake by a time. */
  page(
    process: Process,
    queries: ReadonlyMap<number, WakeQuery>,
    untilMs: number,
    reply: Reply<Map<number, WakePage>>,
  ): void {
    this.call(
      process,
      (answer) => {
        const pages = new Map<number, WakePage>();
        for (const [partition, query] of queries) {
          if (this.partitions[partition]!.epoch !== query.epoch) continue;
          const later = this.rowsOf(partition).filter((row) => row.wakeTimeMs !== null && isBehindPlace(row, query));
          later.sort((a, b) => a.wakeTimeMs! - b.wakeTimeMs! || (a.runId < b.runId ? -1 : 1));
          const due = later.filter((row) => row.wakeTimeMs! <= untilMs);
          const rows = due.slice(0, WAKE_PAGE);
          const last = due.length > WAKE_PAGE ? rows.at(-1) : undefined;
          const end = { readToMs: last?.wakeTimeMs ?? untilMs, readToId: last?.runId ?? LAST_ID };
          const rest = later.filter((row) => isBehindPlace(row, end));
          pages.set(partition, {
            rows: rows.map((row) => this.loaded(row)),
            ...end,
            nextWakeMs: earliest(rest),
          });
        }
        this.perhapsLate(() => answer(pages));
      },
      reply,
    );
  }

  readOutbox(
    process: Process,
    queries: readonly OutboxQuery[],
    reply: Reply<readonly (OutboxPage | undefined)[]>,
  ): void {
    this.call(process, (answer) => answer(queries.map((query) => this.outboxPage(query))), reply);
  }

  readOutboxTargets(process: Process, partition: number, beyond: string, reply: Reply<OutboxTargets>): void {
    this.call(process, (answer) => answer(this.outboxTargets(partition, beyond)), reply);
  }

  find(process: Process, runId: string, path: string, reply: Reply<FoundRun>): void {
    this.call(
      process,
      (answer) => {
        const row = this.history.get(runId) ?? this.hot.get(runId);
        const resting = row && (row.state === "SUSPENDED" || row.parked) ? this.loaded(row) : undefined;
        const resumedBy = this.resumedBy(runId, path);
        const found = { state: row?.state, resting, resumedBy };
        this.perhapsLate(() => answer(found));
      },
      reply,
    );
  }

  /** What was read in one moment may be under way for a while. */
  private perhapsLate(answer: () => void): void {
    const { random, queue, nowMs, faultsEndMs, isQuiet } = this.simulation;
    if (!isQuiet && nowMs < faultsEndMs && random.next() < 0.1) queue.at(random.uniform(50, 1500), answer);
    else answer();
  }

  /** The request that ended a pause. */
  resumedBy(runId: string, path: string): string | undefined {
    return this.resumptions.get(`${runId}/${resumePath(path)}`);
  }

  read(process: Process, runIds: readonly string[], reply: Reply<Map<string, RecordedRun>>): void {
    this.call(
      process,
      (answer) => {
        const found = new Map<string, RecordedRun>();
        for (const runId of runIds) {
          const row = this.history.get(runId) ?? this.hot.get(runId);
          const answered = row?.steps.find((step) => step.response)?.response;
          const response = this.simulation.has("answer_only_in_flight") ? undefined : answered;
          if (row) found.set(runId, { state: row.state, response });
        }
        answer(found);
      },
      reply,
    );
  }

  /** A data-store increment: operation id and assignment are checked in its own transaction. */
  write(process: Process, runId: string, assignment: number, operation: string, reply: Reply<"ok" | "stale">): void {
    this.call(process, (answer) => answer(this.applyWrite(runId, assignment, operation)), reply);
  }

  private applyWrite(runId: string, assignment: number, operation: string): "ok" | "stale" {
    const { simulation } = this;
    const row = this.hot.get(runId);
    const current = row?.assignment === assignment;
    if (current && row?.state === "SUSPENDED") {
      simulation.fail(
        "data-store write of assignment",
        assignment,
        "of run",
        runId,
        "is applied although it is paused",
      );
    }
    if (!current && !simulation.has("ds_no_fence")) return "stale";
    if (this.operations.has(operation)) {
      if (simulation.has("ds_no_operation_id")) simulation.fail("data-store operation", operation, "is applied twice");
      return "ok";
    }
    if (!current) simulation.fail("data-store write of stale assignment", assignment, "of run", runId, "is applied");
    this.operations.add(operation);
    return "ok";
  }
}

const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

function isParked({ parked, state }: Row): boolean {
  return parked && state !== "SUSPENDED";
}

function byPlace(a: AcceptChange, b: AcceptChange): number {
  return isBefore(a, b) ? -1 : 1;
}

function isBehindPlace({ wakeTimeMs, runId }: Row, { readToMs, readToId }: Omit<WakeQuery, "epoch">): boolean {
  return wakeTimeMs! > readToMs || (wakeTimeMs === readToMs && runId > readToId);
}

/** Small, so that more than one page is met. */
const WAKE_PAGE = 1;
const OUTBOX_PAGE = 1;

function toLoadedRun({ accept, steps, ...row }: Row): LoadedRun {
  const { partition, sequence, priority, spec, input, gateway, wantsAnswer, wantsEnd } = accept;
  const state = row.state as LoadedRun["state"];
  return {
    ...row,
    partition,
    sequence,
    priority,
    spec,
    input,
    gateway,
    wantsAnswer,
    wantsEnd,
    state,
    steps: [...steps],
  };
}

function earliest(rows: readonly Row[]): number | null {
  return rows.length === 0 ? null : Math.min(...rows.map((row) => row.wakeTimeMs!));
}
