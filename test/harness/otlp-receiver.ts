import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as the receiver got it; ids are hex. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** `service.name` of its process. */
  readonly service: string;
  /** Since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
}

/** A small OTLP/HTTP receiver for traces, in protobuf and in JSON. */
export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}

/** Listens on a free port of loopback. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        if (request.url?.endsWith("/v1/traces")) spans.push(...readSpans(request, body));
        response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/json" });
        response.end(request.headers["content-type"]?.includes("json") ? "{}" : undefined);
      },
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}

function readSpans(request: IncomingMessage, body: Buffer): ReceivedSpan[] {
  return request.headers["content-type"]?.includes("json")
    ? spansOfJson(JSON.parse(body.toString()) as JsonRequest)
    : spansOfProtobuf(body);
}

interface JsonRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly JsonSpan[] }[];
  }[];
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

function spansOfJson(request: JsonRequest): ReceivedSpan[] {
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const service = resource?.attributes?.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
    return (scopeSpans ?? []).flatMap(({ spans }) =>
      (spans ?? []).map(({ traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano }) => ({
        ...{ traceId, spanId, parentSpanId: parentSpanId ?? "", name, service },
        ...{ startMs: milliseconds(startTimeUnixNano), endMs: milliseconds(endTimeUnixNano) },
      })),
    );
  });
}

/** Milliseconds with their fraction: nanoseconds since the epoch are too many for a number. */
function milliseconds(nanoseconds: string | bigint): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

/** A field of eight bytes of a protobuf message; 0 when it is not there. */
function fixed64(message: Uint8Array, wanted: number): bigint {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === wanted && type === WireType.Bit64) return BigInt(reader.fixed64());
    reader.skip(type, number);
  }
  return 0n;
}

/** The fields of a protobuf message that carry bytes, by number, each with all of its occurrences. */
function bytesFields(message: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.set(number, [...(fields.get(number) ?? []), reader.bytes()]);
    else reader.skip(type, number);
  }
  return fields;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

/** Field numbers are those of opentelemetry-proto's ExportTraceServiceRequest. */
function spansOfProtobuf(body: Uint8Array): ReceivedSpan[] {
  return (bytesFields(body).get(1) ?? []).flatMap((resourceSpans) => {
    const parts = bytesFields(resourceSpans);
    const service = serviceName(parts.get(1)?.[0]);
    return (parts.get(2) ?? []).flatMap((scopeSpans) =>
      (bytesFields(scopeSpans).get(2) ?? []).map((span) => {
        const fields = bytesFields(span);
        return {
          traceId: hex(fields.get(1)?.[0]),
          spanId: hex(fields.get(2)?.[0]),
          parentSpanId: hex(fields.get(4)?.[0]),
          name: text(fields.get(5)?.[0]),
          service,
          startMs: milliseconds(fixed64(span, 7)),
          endMs: milliseconds(fixed64(span, 8)),
        };
      }),
    );
  });
}

function serviceName(resource: Uint8Array | undefined): string {
  for (const attribute of resource === undefined ? [] : (bytesFields(resource).get(1) ?? [])) {
    const fields = bytesFields(attribute);
    const value = fields.get(2)?.[0];
    if (text(fields.get(1)?.[0]) === "service.name" && value !== undefined) return text(bytesFields(value).get(1)?.[0]);
  }
  return "";
}
