import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** What `grpc-status-details-bin` carries of an error: `google.rpc.Status` with `ErrorInfo` and perhaps `RetryInfo`. */
export interface StatusDetails {
  code: number;
  message: string;
  /** `google.rpc.ErrorInfo`; absent when the sender was no house of ours. */
  info: { reason: string; domain: string; metadata: Record<string, string> } | undefined;
  /** `google.rpc.RetryInfo`: how long to wait before trying again. */
  retryDelayMs: number | undefined;
}

const ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo";
const RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo";

/**
 * Writes the three messages by hand: they are fixed for good by Google, have ten fields in all, and generating them
 * would mean keeping copies of Google's files among our contracts.
 */
export function encodeStatusDetails(details: StatusDetails): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(8).int32(details.code);
  writer.uint32(18).string(details.message);
  if (details.info !== undefined) any(writer, ERROR_INFO, errorInfo(details.info));
  if (details.retryDelayMs !== undefined) any(writer, RETRY_INFO, retryInfo(details.retryDelayMs));
  return Buffer.from(writer.finish());
}

/** Reads them back; undefined for what is not a `google.rpc.Status`, as it comes from outside. */
export function decodeStatusDetails(data: Uint8Array): StatusDetails | undefined {
  const details: StatusDetails = { code: 0, message: "", info: undefined, retryDelayMs: undefined };
  try {
    eachField(data, {
      1: (reader) => (details.code = reader.int32()),
      2: (reader) => (details.message = reader.string()),
      3: (reader) => readAny(reader.bytes(), details),
    });
    return details;
  } catch {
    return undefined;
  }
}

function any(writer: BinaryWriter, typeUrl: string, value: Uint8Array): void {
  const inner = new BinaryWriter();
  inner.uint32(10).string(typeUrl);
  inner.uint32(18).bytes(value);
  writer.uint32(26).bytes(inner.finish());
}

function errorInfo(info: NonNullable<StatusDetails["info"]>): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(10).string(info.reason);
  writer.uint32(18).string(info.domain);
  for (const [key, value] of Object.entries(info.metadata)) {
    const entry = new BinaryWriter();
    entry.uint32(10).string(key);
    entry.uint32(18).string(value);
    writer.uint32(26).bytes(entry.finish());
  }
  return writer.finish();
}

function retryInfo(delayMs: number): Uint8Array {
  const duration = new BinaryWriter();
  duration.uint32(8).int64(Math.trunc(delayMs / 1_000));
  duration.uint32(16).int32(Math.round((delayMs % 1_000) * 1_000_000));
  const writer = new BinaryWriter();
  writer.uint32(10).bytes(duration.finish());
  return writer.finish();
}

function readAny(data: Uint8Array, details: StatusDetails): void {
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  eachField(data, {
    1: (reader) => (typeUrl = reader.string()),
    2: (reader) => (value = reader.bytes()),
  });
  if (typeUrl === ERROR_INFO) details.info = readErrorInfo(value);
  if (typeUrl === RETRY_INFO) details.retryDelayMs = readRetryInfo(value);
}

function readErrorInfo(data: Uint8Array): NonNullable<StatusDetails["info"]> {
  const info = { reason: "", domain: "", metadata: {} as Record<string, string> };
  eachField(data, {
    1: (reader) => (info.reason = reader.string()),
    2: (reader) => (info.domain = reader.string()),
    3: (reader) => {
      let key = "";
      let value = "";
      eachField(reader.bytes(), { 1: (entry) => (key = entry.string()), 2: (entry) => (value = entry.string()) });
      info.metadata[key] = value;
    },
  });
  return info;
}

function readRetryInfo(data: Uint8Array): number {
  let delayMs = 0;
  eachField(data, {
    1: (reader) =>
      eachField(reader.bytes(), {
        1: (duration) => (delayMs += Number(duration.int64()) * 1_000),
        2: (duration) => (delayMs += duration.int32() / 1_000_000),
      }),
  });
  return delayMs;
}

function eachField(data: Uint8Array, fields: Readonly<Record<number, (reader: BinaryReader) => void>>): void {
  const reader = new BinaryReader(data);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const read = fields[number];
    if (read === undefined) reader.skip(wireType, number);
    else read(reader);
  }
}
