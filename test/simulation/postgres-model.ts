import type {
  AcceptOutcome,
  CommitBatch,
  CommitOutcome,
  FoundRun,
  LoadedPartition,
  OutboxPage,
  OutboxQuery,
  OutboxTargets,
  QueuePage,
  QueueQuery,
  RecordedRun,
  ShareOutcome,
  ShareRequest,
  SubmitQuery,
  Taken,
  WakePage,
  WakeQuery,
} from "@millrace/core";
import { PostgresReads } from "./postgres-reads.ts";
import type { Process } from "./process.ts";

/** An answer of undefined means: the connection broke, the outcome is unknown (the statement may even run later). */
type Reply<T> = (result: T | undefined) => void;

const STATEMENT_TIMEOUT_MS = 2000;

/** The record. A commit locks its partition rows (FOR SHARE) from its check to its end; takeover waits for them. */
export class PostgresModel extends PostgresReads {
  private readonly committers = new Map<string, number>();
  private downUntilMs = 0;
  private crashes = 0;

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

  /** What was read in one moment may be under way for a while. */
  private perhapsLate(answer: () => void): void {
    const { random, queue, nowMs, faultsEndMs, isQuiet } = this.simulation;
    if (!isQuiet && nowMs < faultsEndMs && random.next() < 0.1) queue.at(random.uniform(50, 1500), answer);
    else answer();
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
    this.readLate(process, () => queries.map((query) => this.submitted(query)), reply);
  }

  /** Parked runs from a place on, in the order in which they start. */
  pageQueues(process: Process, queries: readonly QueueQuery[], reply: Reply<readonly (QueuePage | undefined)[]>): void {
    this.readLate(process, () => queries.map((query) => this.queuePage(query)), reply);
  }

  /** Paused runs that wake by a time. */
  page(
    process: Process,
    queries: ReadonlyMap<number, WakeQuery>,
    untilMs: number,
    reply: Reply<Map<number, WakePage>>,
  ): void {
    const look = () => {
      const pages = new Map<number, WakePage>();
      for (const [partition, query] of queries) {
        const page = this.wakePage(partition, query, untilMs);
        if (page) pages.set(partition, page);
      }
      return pages;
    };
    this.readLate(process, look, reply);
  }

  find(process: Process, runId: string, path: string, reply: Reply<FoundRun>): void {
    this.readLate(process, () => this.found(runId, path), reply);
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

  read(process: Process, runIds: readonly string[], reply: Reply<Map<string, RecordedRun>>): void {
    this.call(
      process,
      (answer) => {
        const found = new Map<string, RecordedRun>();
        for (const runId of runIds) {
          const recorded = this.recorded(runId);
          if (recorded) found.set(runId, recorded);
        }
        answer(found);
      },
      reply,
    );
  }

  private readLate<T>(process: Process, look: () => T, reply: Reply<T>): void {
    this.call<T>(
      process,
      (answer) => {
        const seen = look();
        this.perhapsLate(() => answer(seen));
      },
      reply,
    );
  }

  /** A data-store increment: operation id and assignment are checked in its own transaction. */
  write(process: Process, runId: string, assignment: number, operation: string, reply: Reply<"ok" | "stale">): void {
    this.call(process, (answer) => answer(this.applyWrite(runId, assignment, operation)), reply);
  }
}
