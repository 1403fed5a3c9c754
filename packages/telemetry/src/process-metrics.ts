import { RELEASE } from "@millrace/core";
import type { Metrics } from "./metrics.ts";

/** What every process tells of itself, under the names that Prometheus' own clients use. */
export function addProcessMetrics(metrics: Metrics, role: string): void {
  metrics.observeEach("millrace_build_info", "The release that this process is of.", () => [
    [{ release: RELEASE, role }, 1],
  ]);
  metrics.observe("process_start_time_seconds", "When this process started.", () => performance.timeOrigin / 1_000);
  metrics.observe("process_resident_memory_bytes", "Memory of this process.", () => process.memoryUsage.rss());
  metrics.observe(
    "process_cpu_seconds_total",
    "Processor time of this process.",
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000_000;
    },
    "counter",
  );
}
