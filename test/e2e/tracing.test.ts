import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { waitUntil } from "@millrace/provision";
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "../harness/otlp-receiver.ts";
import { TestHouse } from "../harness/test-house.ts";

describe("one trace per run", () => {
  let receiver: OtlpReceiver;
  let house: TestHouse;

  before(async () => {
    receiver = await startOtlpReceiver();
    house = await TestHouse.start({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint } });
  });
  after(async () => {
    await house?.stop();
    await receiver?.close();
  });

  test("a request to a two-step workflow is one connected trace from the gateway to both steps", async () => {
    const { url } = await house.deploy({
      name: "traced",
      triggers: [{ http: { respond: "workflow" } }],
      steps: {
        first: "def handler(pd):\n    return 1\n",
        second: "def handler(pd):\n    pd.respond({'status': 200, 'body': pd.steps['trigger']['context']})\n",
      },
    });
    const response = await fetch(url, { method: "POST" });
    const context = (await response.json()) as { trace_id: string };
    const traceId = context.trace_id;
    const trace = (): ReceivedSpan[] => receiver.spans.filter((span) => span.traceId === traceId);
    const wanted = ["gateway.request", "run.submit", "run.queue", "run.assign", "step.run", "step.run"];
    const isComplete = (): boolean => {
      const names = trace().map(({ name }) => name);
      return wanted.every(
        (name) => names.filter((found) => found === name).length >= wanted.filter((n) => n === name).length,
      );
    };
    await waitUntil(async () => isComplete(), { timeoutMs: 30_000, what: "the spans of the run" }).catch(() => {});
    const spans = trace();
    assert.deepEqual(
      spans.map(({ name }) => name).toSorted(),
      wanted.toSorted(),
      JSON.stringify(receiver.spans, null, 1),
    );
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const roots = spans.filter(({ parentSpanId }) => parentSpanId === "");
    assert.deepEqual(
      roots.map(({ name }) => name),
      ["gateway.request"],
    );
    for (const span of spans) {
      assert.ok(
        span.parentSpanId === "" || ids.has(span.parentSpanId),
        `${span.name} has no parent: ${JSON.stringify(spans)}`,
      );
    }
    assert.ok(new Set(spans.map(({ service }) => service)).size > 1, JSON.stringify(spans));
  });
});
