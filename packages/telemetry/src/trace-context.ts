import { randomUUID } from "node:crypto";

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** What a W3C trace parent says. */
export interface TraceContext {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

/** A new trace id: every run has one, with tracing on or off. Node asks the system for the randomness of many UUIDs at once. */
export function createTraceId(): string {
  return randomUUID().replaceAll("-", "");
}

/** Undefined for what is no valid trace parent: it comes from outside and must not fail a request. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const match = text === undefined ? null : TRACEPARENT.exec(text);
  if (match === null || text!.startsWith("ff")) return undefined;
  const [, traceId, spanId, flags] = match;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** The W3C form of a trace parent. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

/** Name of the header that carries a trace parent in HTTP, gRPC metadata and NATS headers. */
export const TRACEPARENT_HEADER = "traceparent";
