export { events } from "./events.ts";
export { startHealthServer, type HealthOptions, type HealthServer, type ReadyCheck } from "./health-server.ts";
export { createLogger, type LogFields, type Logger, type LoggerOptions, type LogLevel } from "./logger.ts";
export {
  createMetrics,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type Metrics,
  type ObservedType,
} from "./metrics.ts";
export { startParts, type Connection, type PartsOptions, type ProcessPart } from "./process-parts.ts";
export { addProcessMetrics } from "./process-metrics.ts";
export { giveMemoryBackWhenQuiet } from "./quiet-memory.ts";
export { runProcess, type ProcessOptions, type RunningProcess } from "./run-process.ts";
export { spanNames, type SpanName } from "./span-names.ts";
export {
  TRACEPARENT_HEADER,
  createTraceId,
  formatTraceparent,
  parseTraceparent,
  type TraceContext,
} from "./trace-context.ts";
export {
  createTracer,
  noTracer,
  type Span,
  type SpanAttributes,
  type SpanOptions,
  type Tracer,
  type TracerOptions,
} from "./tracer.ts";
