import type { Bus } from "@millrace/bus";
import type { messages } from "@millrace/core";
import type { Committer, Store } from "@millrace/store";
import { addProcessMetrics, createMetrics, type Metrics } from "@millrace/telemetry";
import type { OwnerWiring } from "./owner-wiring.ts";

/** What the metrics are read from; a reader may come before all of it is there. */
export interface SchedulerParts {
  bus?: Bus;
  store?: Store;
  owner?: OwnerWiring;
}

/** The metrics of a scheduler, and what it counts for them. */
export interface SchedulerMetrics {
  readonly all: Metrics;
  /** A submit has its answer. */
  settled(outcome: messages.SubmitOutcome): void;
  /** Log lines that no run can have written were left out of the record. */
  refused(lines: number): void;
  /** The same committer, with its commits measured. */
  measured(committer: Committer): Committer;
}

/** Makes the metrics of a scheduler. */
export function schedulerMetrics(parts: SchedulerParts): SchedulerMetrics {
  const all = createMetrics();
  addProcessMetrics(all, "scheduler");
  const counts = () => parts.owner?.brain.counts();
  all.observe("millrace_scheduler_runs", "Unfinished runs in memory.", () => counts()?.runs ?? 0);
  all.observe(
    "millrace_scheduler_parked_runs",
    "Waiting runs that are in the record only.",
    () => counts()?.parked ?? 0,
  );
  all.observe("millrace_scheduler_commit_queue", "Changes waiting for a commit.", () => counts()?.commitQueue ?? 0);
  all.observe("millrace_scheduler_partitions", "Partitions owned.", () => parts.owner?.brain.partitions().size ?? 0);
  const pools = () => [...(parts.owner?.brain.pools() ?? [])];
  all.observeEach(
    "millrace_pool_waiting_runs",
    "Runs of this scheduler's partitions that wait for a runner, by pool.",
    () => pools().map(([pool, { waiting }]) => [{ pool }, waiting]),
  );
  all.observeEach("millrace_pool_running_runs", "Runs of this scheduler's partitions that a runner has, by pool.", () =>
    pools().map(([pool, { running }]) => [{ pool }, running]),
  );
  all.observeEach(
    "millrace_pool_oldest_wait_seconds",
    "How long the oldest run of this scheduler's partitions waits that has not started, by pool.",
    () => pools().map(([pool, { oldestWaitMs }]) => [{ pool }, oldestWaitMs / 1_000]),
  );
  all.observe("millrace_nats_connected", "1 while connected to NATS.", () => (parts.bus?.connected === true ? 1 : 0));
  all.observe(
    "millrace_database_connections",
    "Connections to the database.",
    () => parts.store?.primary.connectionCount ?? 0,
  );
  const submits = all.counter("millrace_scheduler_submits_total", "Answers to submits, by outcome.");
  const commits = all.histogram("millrace_scheduler_commit_seconds", "Time of a commit of a group of changes.");
  const failures = all.counter("millrace_scheduler_commit_failures_total", "Commits whose outcome was unknown.");
  const refused = all.counter("millrace_scheduler_log_lines_refused_total", "Log lines that no run can have written.");
  return {
    all,
    refused: (lines) => refused.add(lines),
    settled: (outcome) => submits.add(1, { outcome }),
    measured: (committer) => ({
      commit: async (batch) => {
        const begun = performance.now();
        try {
          const outcome = await committer.commit(batch);
          commits.observe((performance.now() - begun) / 1_000);
          return outcome;
        } catch (thrown) {
          failures.add();
          throw thrown;
        }
      },
      close: () => committer.close(),
    }),
  };
}
