import type { Logger } from "./logger.ts";
import type { SpanName } from "./span-names.ts";

/** Facts of a span; never user data or secrets. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** W3C trace parent of the parent span; absent or empty starts a trace. */
  parent?: string | undefined;
  /** Id of the trace that a span without a parent starts, 32 hex digits. */
  traceId?: string | undefined;
  attributes?: SpanAttributes;
  /** When it began, ms since the epoch. Default: now. */
  startTimeMs?: number;
}

/** Work under way. */
export interface Span {
  /** W3C trace parent to hand on; empty when tracing is off, so that nothing is sent along. */
  readonly traceparent: string;
  setAttributes(attributes: SpanAttributes): void;
  /** Marks the work as failed. */
  fail(message: string): void;
  /** Ends it; only the first call counts. */
  end(timeMs?: number): void;
}

/** Makes spans. The one without an endpoint does nothing, at no measurable cost. */
export interface Tracer {
  readonly enabled: boolean;
  startSpan(name: SpanName, options?: SpanOptions): Span;
  /** Sends what has ended and stops. */
  shutdown(): Promise<void>;
}

const noSpan: Span = { traceparent: "", setAttributes: () => {}, fail: () => {}, end: () => {} };

/** The tracer of a process without an OTLP endpoint. */
export const noTracer: Tracer = { enabled: false, startSpan: () => noSpan, shutdown: () => Promise.resolve() };

export interface TracerOptions {
  /** Base URL of an OTLP/HTTP receiver (`OTEL_EXPORTER_OTLP_ENDPOINT`); tracing is off without one. */
  endpoint: string | undefined;
  /** Role of the process: the service is named `millrace-<role>`. */
  role: string;
  /** Name of this instance. */
  name: string;
  log: Logger;
}

/** Makes the tracer of a process. OpenTelemetry is loaded only when there is an endpoint: it takes a quarter of a second. */
export async function createTracer(options: TracerOptions): Promise<Tracer> {
  if (options.endpoint === undefined || options.endpoint === "") return noTracer;
  const { openTelemetryTracer } = await import("./otel-tracer.ts");
  return openTelemetryTracer({ ...options, endpoint: options.endpoint });
}
