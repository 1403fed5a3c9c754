import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "./metrics.ts";

test("metrics are rendered as Prometheus reads them", () => {
  const metrics = createMetrics();
  const runs = metrics.counter("runs_total", "Runs that ended.");
  runs.add(1, { state: "succeeded" });
  runs.add(2, { state: 'odd"\n' });
  metrics.gauge("slots_free", "Free slots.").set(7);
  metrics.observe("queue_length", "Waiting runs.", () => 3);
  metrics.observe("lost_total", "Lost.", () => 4, "counter");
  metrics.observeEach("queue", "By pool.", () => [
    [{ pool: "a" }, 1],
    [{ pool: "b" }, 2],
  ]);
  const seconds = metrics.histogram("commit_seconds", "Time of a commit.", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 2]) seconds.observe(value);
  assert.equal(
    metrics.render(),
    `# HELP runs_total Runs that ended.
# TYPE runs_total counter
runs_total{state="succeeded"} 1
runs_total{state="odd\\"\\n"} 2
# HELP slots_free Free slots.
# TYPE slots_free gauge
slots_free 7
# HELP queue_length Waiting runs.
# TYPE queue_length gauge
queue_length 3
# HELP lost_total Lost.
# TYPE lost_total counter
lost_total 4
# HELP queue By pool.
# TYPE queue gauge
queue{pool="a"} 1
queue{pool="b"} 2
# HELP commit_seconds Time of a commit.
# TYPE commit_seconds histogram
commit_seconds_bucket{le="0.1"} 2
commit_seconds_bucket{le="1"} 3
commit_seconds_bucket{le="+Inf"} 4
commit_seconds_sum 2.65
commit_seconds_count 4
`,
  );
});

test("a label with ever new values does not eat the memory", () => {
  const metrics = createMetrics();
  const counter = metrics.counter("odd_total", "Odd.");
  for (let i = 0; i < 5_000; i++) counter.add(1, { id: String(i) });
  assert.match(metrics.render(), /odd_total\{overflow="true"\} 4000\n/);
});
