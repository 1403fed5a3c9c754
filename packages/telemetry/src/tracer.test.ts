import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createLogger, createTracer, parseTraceparent } from "./index.ts";

const log = createLogger({ level: "error" });

test("without an endpoint there are no spans", async () => {
  const tracer = await createTracer({ endpoint: undefined, role: "gateway", name: "g1", log });
  const span = tracer.startSpan("gateway.request", { attributes: { "http.method": "GET" } });
  span.setAttributes({ a: 1 });
  span.fail("no");
  span.end();
  assert.equal(tracer.enabled, false);
  assert.equal(span.traceparent, "");
  await tracer.shutdown();
});

test("with an endpoint spans are sent with their parents, and the trace has the id that was chosen", async () => {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    assert.equal(request.url, "/v1/traces");
    assert.equal(request.headers["content-type"], "application/x-protobuf");
    request.on("data", (chunk: Buffer) => bodies.push(chunk));
    request.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tracer = await createTracer({ endpoint, role: "gateway", name: "g1", log });
  const traceId = "c0ffee".padEnd(32, "0");
  const request = tracer.startSpan("gateway.request", { traceId, attributes: { status: 200 } });
  const submit = tracer.startSpan("run.submit", { parent: request.traceparent, startTimeMs: Date.now() - 5 });
  const parsed = [request, submit].map(({ traceparent }) => parseTraceparent(traceparent));
  submit.end();
  request.end();
  request.end();
  await tracer.shutdown();
  server.close();

  assert.deepEqual(
    parsed.map((context) => context?.traceId),
    [traceId, traceId],
  );
  const sent = Buffer.concat(bodies);
  for (const text of ["millrace-gateway", "gateway.request", "run.submit"]) assert.ok(sent.includes(text), text);
  for (const context of parsed) assert.ok(sent.includes(Buffer.from(context!.spanId, "hex")));
});

test("a receiver that is away costs spans, not work", async () => {
  const tracer = await createTracer({ endpoint: "http://127.0.0.1:9", role: "gateway", name: "g1", log });
  for (let i = 0; i < 10_000; i++) tracer.startSpan("run.queue").end();
  const startMs = performance.now();
  await tracer.shutdown();
  assert.ok(performance.now() - startMs < 5_000, "the end of a process waits for spans");
});
