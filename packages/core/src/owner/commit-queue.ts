import { invariant } from "../errors.ts";
import type { AcceptOutcome, Change, CommitBatch, CommitOutcome, EndChange, UpdateChange } from "./record.ts";

/** What happens once a change is committed; the outcome is given for accepts only. */
export type Effect = (outcome: AcceptOutcome | undefined) => void;

interface Entry {
  readonly partition: number;
  readonly epoch: number;
  /** Null: nothing to write, the effect only waits for what was decided before it. */
  readonly change: Change | null;
  readonly effect: Effect;
  /** Asked before the change joins a commit: true when nobody wants it any more, and what it had done here is undone. */
  readonly lapses?: (() => boolean) | undefined;
}

/**
 * Groups changes into commits: one is in flight, the next gathers meanwhile, no fixed delay. Effects run in the order of
 * their changes after the commit, and only for partitions that were not refused.
 */
export class CommitQueue {
  private readonly committer: string;
  private readonly changesMax: number;
  private waiting: Entry[] = [];
  private flight: Entry[] | undefined;
  private number = 0;

  /** @param changesMax most changes of one commit */
  constructor(committer: string, changesMax: number) {
    this.committer = committer;
    this.changesMax = changesMax;
  }

  get length(): number {
    return this.waiting.length + (this.flight?.length ?? 0);
  }

  add(entry: Entry): void {
    this.waiting.push(entry);
  }

  /** The next commit; undefined while one is in flight or when nothing waits. Effects without a change may run at once. */
  next(): CommitBatch | undefined {
    if (this.flight) return undefined;
    while (this.waiting.length > 0) {
      const epochs = newestEpochs(this.waiting);
      // A partition lost and taken again since: what was decided under the earlier epoch is void.
      this.flight = this.waiting
        .splice(0, this.changesMax)
        .filter((entry) => entry.epoch === epochs.get(entry.partition) && !entry.lapses?.());
      const changes = mergeChanges(this.flight);
      if (changes.length > 0) {
        this.number += 1;
        const touched = new Map(changes.map(({ partition }) => [partition, epochs.get(partition)!]));
        return { committer: this.committer, number: this.number, epochs: touched, changes };
      }
      this.finish({ refused: new Set(), accepts: new Map() });
    }
    return undefined;
  }

  /** The commit in flight is done; returns the refused partitions with the epochs that were refused. */
  finish(outcome: CommitOutcome): Map<number, number> {
    const flight = this.flight;
    invariant(flight, "a commit ends that was not in flight");
    this.flight = undefined;
    const refused = new Map<number, number>();
    for (const { partition, epoch, change, effect } of flight) {
      if (outcome.refused.has(partition)) refused.set(partition, epoch);
      else effect(change ? outcomeOf(change, outcome) : undefined);
    }
    return refused;
  }
}

/**
 * A change of a known run that the record refuses for good means that memory and record have parted: the process stops
 * and begins again from the record.
 */
function outcomeOf(change: Change, { accepts, failed }: CommitOutcome): AcceptOutcome | undefined {
  const failure = failed?.get(change.runId);
  if (change.kind === "accept") return failure ? { kind: "rejected" } : accepts.get(change.runId);
  invariant(!failure, `the record refuses a change of run ${change.runId}: ${failure?.message}`);
  return undefined;
}

function newestEpochs(entries: readonly Entry[]): Map<number, number> {
  const epochs = new Map<number, number>();
  for (const { partition, epoch } of entries) epochs.set(partition, Math.max(epoch, epochs.get(partition) ?? 0));
  return epochs;
}

/** One statement touches a row once: changes of the same run become one. */
function mergeChanges(entries: readonly Entry[]): Change[] {
  const merged: Change[] = [];
  const places = new Map<string, number>();
  for (const { change } of entries) {
    if (!change) continue;
    const place = change.kind === "delivered" ? undefined : places.get(change.runId);
    if (place === undefined) {
      if (change.kind !== "delivered") places.set(change.runId, merged.length);
      merged.push(change);
    } else {
      merged[place] = mergeChange(merged[place]!, change);
    }
  }
  return merged;
}

function mergeChange(first: Change, second: Change): UpdateChange | EndChange {
  invariant(
    first.kind === "update" && (second.kind === "update" || second.kind === "end"),
    `changes of run ${second.runId} do not follow each other`,
  );
  invariant(!first.step || !second.step, `two steps of run ${second.runId} are in one commit`);
  const step = second.step ?? first.step;
  const startTimeMs = second.startTimeMs ?? first.startTimeMs;
  const outbox = first.outbox && second.outbox ? [...first.outbox, ...second.outbox] : (second.outbox ?? first.outbox);
  const lost = second.lost ?? first.lost;
  if (second.kind === "end") return { ...second, step, startTimeMs, outbox, lost };
  return { ...second, step, startTimeMs, outbox, lost, parked: second.parked ?? first.parked };
}
