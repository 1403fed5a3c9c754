import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
  type Context,
  type Tracer as OtelTracer,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, RandomIdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import { events } from "./events.ts";
import type { Logger } from "./logger.ts";
import type { SpanName } from "./span-names.ts";
import { formatTraceparent, parseTraceparent } from "./trace-context.ts";
import type { Span, SpanOptions, Tracer, TracerOptions } from "./tracer.ts";

/** Spans that wait for the exporter; beyond it they are dropped, never the work that they tell about. */
const QUEUE_MAX = 8_192;
const EXPORT_INTERVAL_MS = 1_000;
const EXPORT_TIMEOUT_MS = 3_000;
const SHUTDOWN_TIMEOUT_MS = 2_000;

/** A tracer that sends spans by OTLP over HTTP. Loaded only when there is an endpoint. */
export function openTelemetryTracer(options: TracerOptions & { endpoint: string }): Tracer {
  const ids = new ChosenTraceIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": `millrace-${options.role}`,
      "service.instance.id": options.name,
    }),
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: `${options.endpoint.replace(/\/+$/, "")}/v1/traces`,
          timeoutMillis: EXPORT_TIMEOUT_MS,
        }),
        maxQueueSize: QUEUE_MAX,
        scheduledDelayMillis: EXPORT_INTERVAL_MS,
      }),
    ],
  });
  options.log.info(events.tracingStarted, { endpoint: new URL(options.endpoint).origin });
  const tracer = provider.getTracer("millrace");
  return {
    enabled: true,
    startSpan: (name, spanOptions) => startSpan(tracer, ids, name, spanOptions ?? {}),
    shutdown: () => shutdown(provider, options.log),
  };
}

/** The exporter tries again for longer than a stop may take when its receiver is away. */
async function shutdown(provider: TracerProvider, log: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, SHUTDOWN_TIMEOUT_MS, "the last spans were not taken in time");
  });
  const problem = await Promise.race([provider.shutdown(), late]).catch(String);
  clearTimeout(timer);
  if (problem !== undefined) log.warn(events.tracingFailed, { problem });
}

function startSpan(tracer: OtelTracer, ids: ChosenTraceIds, name: SpanName, options: SpanOptions): Span {
  const parent = parentContext(options.parent);
  ids.next = parent === ROOT_CONTEXT ? options.traceId : undefined;
  const span = tracer.startSpan(
    name,
    {
      kind: SpanKind.INTERNAL,
      ...(options.attributes !== undefined && { attributes: { ...options.attributes } }),
      ...(options.startTimeMs !== undefined && { startTime: options.startTimeMs }),
    },
    parent,
  );
  ids.next = undefined;
  const { traceId, spanId } = span.spanContext();
  let ended = false;
  return {
    traceparent: formatTraceparent({ traceId, spanId, sampled: true }),
    setAttributes: (attributes) => void span.setAttributes({ ...attributes }),
    fail: (message) => void span.setStatus({ code: SpanStatusCode.ERROR, message }),
    end: (timeMs) => {
      if (ended) return;
      ended = true;
      span.end(timeMs);
    },
  };
}

function parentContext(traceparent: string | undefined): Context {
  const parsed = parseTraceparent(traceparent);
  if (parsed === undefined) return ROOT_CONTEXT;
  const { traceId, spanId } = parsed;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

/** A run has its trace id before its first span starts; the span's generator is asked for it in the same turn. */
class ChosenTraceIds extends RandomIdGenerator {
  next: string | undefined;

  override generateTraceId(): string {
    return this.next ?? super.generateTraceId();
  }
}
