import type { Bus } from "@millrace/bus";
import type { RunnerSettings } from "@millrace/config";
import { addProcessMetrics, createMetrics, type Metrics } from "@millrace/telemetry";
import type { Runner } from "./runner.ts";

/** Makes the metrics of a runner. */
export function runnerMetrics(runner: Runner, bus: Bus, settings: RunnerSettings): Metrics {
  const { host } = runner;
  const pool = { pool: settings.pool };
  const metrics = createMetrics();
  addProcessMetrics(metrics, "runner");
  metrics.observeEach("millrace_runner_slots", "Room for runs.", () => [[pool, settings.slots]]);
  metrics.observeEach("millrace_runner_runs", "Runs held.", () => [[pool, runner.size]]);
  metrics.observe(
    "millrace_runner_environments",
    "Python environments alive, blank ones included.",
    () => host.environments,
  );
  metrics.observe("millrace_runner_warm_environments", "Idle environments that have run a version.", () =>
    host.warmVersions().reduce((sum, { idle }) => sum + idle, 0),
  );
  metrics.observe(
    "millrace_runner_memory_bytes",
    "Memory of the runner, its workers and all environments.",
    () => process.memoryUsage.rss() + host.memoryBytes,
  );
  metrics.observe(
    "millrace_runner_workers_ready",
    "Workers that can take runs.",
    () => host.workers().filter(({ ready }) => ready).length,
  );
  metrics.observeEach(
    "millrace_runner_steps_total",
    "Steps started; cold where the environment had not run the version before.",
    () => Object.entries(runner.steps).map(([environment, count]) => [{ environment }, count]),
    "counter",
  );
  metrics.observeEach(
    "millrace_runner_log_lines_lost_total",
    "Log lines that the log stream could not take: they show as gaps.",
    () => [[{}, runner.lostLogLines]],
    "counter",
  );
  metrics.observe("millrace_nats_connected", "1 while connected to NATS.", () => (bus.connected ? 1 : 0));
  return metrics;
}
