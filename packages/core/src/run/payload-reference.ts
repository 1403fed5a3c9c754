/**
 * Payloads (events, exports, return values, bodies of answers) that are too large for messages and rows. In their place
 * stands a reference to an object: a NUL byte, with which no JSON text begins, and `object:<id>:<size>`. Whoever passes
 * payloads on need not know; whoever reads one asks here first. A body is any bytes, so a flag beside it says what it is.
 */

/** Stands in the place of a payload. */
export interface PayloadReference {
  readonly objectId: string;
  /** Bytes of the payload. */
  readonly size: number;
}

/** Most bytes of the payloads of one message; from there on the largest travel as references. */
export const INLINE_BYTES_MAX = 256 * 1024;
/** Largest payload, unless the settings say otherwise. */
export const PAYLOAD_BYTES_MAX_DEFAULT = 50 * 1024 * 1024;

const PATTERN = /^\0object:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,15})$/;
/** Longer than any reference. */
const LENGTH_MAX = 64;

/** The bytes that stand in a payload's place. */
export function encodePayloadReference({ objectId, size }: PayloadReference): Uint8Array {
  return Buffer.from(`\0object:${objectId}:${size}`);
}

/** The reference that the bytes are; undefined when they are the payload itself. */
export function parsePayloadReference(bytes: Uint8Array): PayloadReference | undefined {
  if (bytes[0] !== 0 || bytes.length > LENGTH_MAX) return undefined;
  const match = PATTERN.exec(Buffer.from(bytes).toString("latin1"));
  return match ? { objectId: match[1]!, size: Number(match[2]) } : undefined;
}

/** Bytes of the payload, wherever it is. */
export function payloadSize(bytes: Uint8Array): number {
  return parsePayloadReference(bytes)?.size ?? bytes.length;
}
