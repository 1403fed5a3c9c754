import type { Metrics } from "@millrace/telemetry";

/** Beyond the time that a caller waits for a workflow's answer. */
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** Counts the answers of the HTTP port by their status, and how long they took. */
export function httpMetrics(metrics: Metrics): (status: number, ms: number) => void {
  const answers = metrics.counter("millrace_http_answers_total", "Answers of the HTTP port, by status.");
  const seconds = metrics.histogram("millrace_http_seconds", "Time from a request to the end of its answer.", BOUNDS_S);
  return (status, ms) => {
    answers.add(1, { status: String(status) });
    seconds.observe(ms / 1_000);
  };
}
