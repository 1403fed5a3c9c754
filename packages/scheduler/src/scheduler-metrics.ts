import type { messages, OwnerBrain } from "@millrace/core";
import type { Committer } from "@millrace/store";
import type { Metrics } from "@millrace/telemetry";

/** The metrics of a scheduler, and what it counts for them. */
export interface SchedulerMetrics {
  /** A submit has its answer. */
  settled(outcome: messages.SubmitOutcome): void;
  /** Log lines that no run can have written were left out of the record. */
  refused(lines: number): void;
  /** The same committer, with its commits measured. */
  measured(committer: Committer): Committer;
}

/** Adds a scheduler's metrics to those of its process. A reader may come before there is a brain. */
export function schedulerMetrics(all: Metrics, brain: () => OwnerBrain | undefined): SchedulerMetrics {
  const counts = () => brain()?.counts();
  all.observe("millrace_scheduler_runs", "Unfinished runs in memory.", () => counts()?.runs ?? 0);
  all.observe(
    "millrace_scheduler_parked_runs",
    "Waiting runs that are in the record only.",
    () => counts()?.parked ?? 0,
  );
  all.observe("millrace_scheduler_commit_queue", "Changes waiting for a commit.", () => counts()?.commitQueue ?? 0);
  all.observe("millrace_scheduler_partitions", "Partitions owned.", () => brain()?.partitions().size ?? 0);
  const pools = () => [...(brain()?.pools() ?? [])];
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
  const submits = all.counter("millrace_scheduler_submits_total", "Answers to submits, by outcome.");
  const commits = all.histogram("millrace_scheduler_commit_seconds", "Time of a commit of a group of changes.");
  const failures = all.counter("millrace_scheduler_commit_failures_total", "Commits whose outcome was unknown.");
  const refused = all.counter("millrace_scheduler_log_lines_refused_total", "Log lines that no run can have written.");
  return {
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
