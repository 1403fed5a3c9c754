import {
  isBefore,
  parseStepPath,
  stepPath,
  type AcceptChange,
  type FoundRun,
  type LoadedPartition,
  type LoadedQueue,
  type LoadedRun,
  type OutboxPage,
  type OutboxQuery,
  type OutboxTargets,
  type QueuePage,
  type QueueQuery,
  type QueueShare,
  type RecordedRun,
  type SubmitQuery,
  type WakePage,
  type WakeQuery,
} from "@millrace/core";
import { PostgresRecord, type Row } from "./postgres-record.ts";

/** What statements read of it, all of it at one moment. */
export class PostgresReads extends PostgresRecord {
  protected readonly shares = new Map<
    string,
    { projectId: string; partition: number; share: number; wanted: number; number: number }
  >();

  protected load(partition: number): LoadedPartition {
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

  protected queuePage({ partition, epoch, workflowId, from, runsMax }: QueueQuery): QueuePage | undefined {
    if (this.partitions[partition]!.epoch !== epoch) return undefined;
    const all = this.rowsOf(partition).filter((row) => isParked(row) && row.accept.spec.workflowId === workflowId);
    const rows = all.sort((a, b) => byPlace(a.accept, b.accept)).filter(({ accept }) => !isBefore(accept, from));
    const next = rows[runsMax]?.accept;
    return {
      rows: rows.slice(0, runsMax).map((row) => this.loaded(row)),
      next: next && { priority: next.priority, sequence: next.sequence },
    };
  }

  /** Paused runs that wake by a time. */
  protected wakePage(partition: number, query: WakeQuery, untilMs: number): WakePage | undefined {
    if (this.partitions[partition]!.epoch !== query.epoch) return undefined;
    const later = this.rowsOf(partition).filter((row) => row.wakeTimeMs !== null && isBehindPlace(row, query));
    later.sort((a, b) => a.wakeTimeMs! - b.wakeTimeMs! || (a.runId < b.runId ? -1 : 1));
    const due = later.filter((row) => row.wakeTimeMs! <= untilMs);
    const rows = due.slice(0, WAKE_PAGE);
    const last = due.length > WAKE_PAGE ? rows.at(-1) : undefined;
    const end = { readToMs: last?.wakeTimeMs ?? untilMs, readToId: last?.runId ?? LAST_ID };
    const rest = later.filter((row) => isBehindPlace(row, end));
    return { rows: rows.map((row) => this.loaded(row)), ...end, nextWakeMs: earliest(rest) };
  }

  protected found(runId: string, path: string): FoundRun {
    const row = this.history.get(runId) ?? this.hot.get(runId);
    const resting = row && (row.state === "SUSPENDED" || row.parked) ? this.loaded(row) : undefined;
    return { state: row?.state, resting, resumedBy: this.resumedBy(runId, path) };
  }

  protected recorded(runId: string): RecordedRun | undefined {
    const row = this.history.get(runId) ?? this.hot.get(runId);
    const answered = row?.steps.find((step) => step.response)?.response;
    const response = this.simulation.has("answer_only_in_flight") ? undefined : answered;
    return row && { state: row.state, response };
  }

  /** The run that a submit stands for. */
  protected submitted({ runId, workflowId, idempotencyKey: key }: SubmitQuery): string | undefined {
    if (this.hot.has(runId) || this.history.has(runId)) return runId;
    return key ? this.keys.get(`${workflowId}/${key}`) : undefined;
  }

  private loaded(row: Row): LoadedRun {
    const run = toLoadedRun(row);
    if (this.simulation.has("checkpoint_ignored")) return { ...run, steps: [] };
    if (!this.simulation.has("executions_forgotten")) return run;
    return { ...run, steps: run.steps.map((step) => ({ ...step, path: stepPath(parseStepPath(step.path)) })) };
  }

  protected outboxTargets(partition: number, beyond: string): OutboxTargets {
    if (this.simulation.has("outbox_forgotten")) return { names: [], more: false };
    const all = [...this.outbox.values()].filter((message) => message.partition === partition);
    const names = [...new Set(all.map(({ target }) => target))].filter((name) => name > beyond).sort();
    return { names: names.slice(0, OUTBOX_PAGE), more: names.length > OUTBOX_PAGE };
  }

  protected outboxPage({ partition, epoch, target, after }: OutboxQuery): OutboxPage | undefined {
    if (this.partitions[partition]!.epoch !== epoch) return undefined;
    const all = [...this.outbox.values()].filter((one) => one.partition === partition && one.target === target);
    const messages = all.filter(({ sequence }) => sequence > after).sort((a, b) => a.sequence - b.sequence);
    return { messages: messages.slice(0, OUTBOX_PAGE), more: messages.length > OUTBOX_PAGE };
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
