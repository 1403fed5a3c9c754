/**
 * Arrays in Postgres' binary format. `pg` sends a `Buffer` as a binary parameter, which spares both sides the escaping
 * and parsing of array literals: bytes travel as they are, at 1.0 instead of 2.1 bytes each.
 */
import { PlatformError } from "@millrace/core";

const HEADER_BYTES = 20;
const MS_2000 = Date.UTC(2000, 0, 1);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NUL = "\u0000";

/** One element in its own wire format; null for NULL. */
type Encode<T> = (value: T) => Uint8Array;

interface ElementType<T> {
  readonly oid: number;
  readonly encode: Encode<T>;
}

function fixed(size: number, write: (target: Buffer) => void): Buffer {
  const target = Buffer.allocUnsafe(size);
  write(target);
  return target;
}

/** Element types by the name that a cast gives them. */
export const elementTypes = {
  bool: { oid: 16, encode: (value: boolean) => Uint8Array.of(value ? 1 : 0) },
  bytea: { oid: 17, encode: (value: Uint8Array) => value },
  int8: { oid: 20, encode: (value: number) => fixed(8, (target) => writeInt64(target, value)) },
  int4: { oid: 23, encode: (value: number) => fixed(4, (target) => target.writeInt32BE(value)) },
  text: { oid: 25, encode: (value: string) => Buffer.from(readable(value)) },
  json: { oid: 114, encode: (value: string) => Buffer.from(value) },
  /** Days since 1970. */
  date: { oid: 1082, encode: (day: number) => fixed(4, (target) => target.writeInt32BE(day - MS_2000 / 86_400_000)) },
  /** Ms since 1970. */
  timestamptz: {
    oid: 1184,
    encode: (timeMs: number) => fixed(8, (target) => writeInt64(target, Math.round(timeMs - MS_2000) * 1000)),
  },
  uuid: { oid: 2950, encode: encodeUuid },
} as const satisfies Record<string, ElementType<never>>;

/** Names of the element types. */
export type ElementName = keyof typeof elementTypes;

/** What one element of a type is made from. */
export type ElementValue<N extends ElementName> = Parameters<(typeof elementTypes)[N]["encode"]>[0];

/** One element in its own wire format; throws `INVALID_ID`, or a `RangeError`, for what the type cannot hold. */
export function encodeElement<N extends ElementName>(name: N, value: ElementValue<N> | null): Uint8Array | null {
  const { encode } = elementTypes[name] as unknown as ElementType<ElementValue<N>>;
  return value === null ? null : encode(value);
}

/** A one-dimensional array of encoded elements. */
export function encodeArray(name: ElementName, elements: readonly (Uint8Array | null)[]): Buffer {
  const size = elements.reduce((sum, element) => sum + 4 + (element?.length ?? 0), HEADER_BYTES);
  const target = Buffer.allocUnsafe(size);
  target.writeInt32BE(1, 0);
  target.writeInt32BE(elements.includes(null) ? 1 : 0, 4);
  target.writeInt32BE(elementTypes[name].oid, 8);
  target.writeInt32BE(elements.length, 12);
  target.writeInt32BE(1, 16);
  let offset = HEADER_BYTES;
  for (const element of elements) {
    offset = target.writeInt32BE(element === null ? -1 : element.length, offset);
    if (element === null) continue;
    target.set(element, offset);
    offset += element.length;
  }
  return target;
}

/** Throws `INVALID_ID` for what is not a UUID in lower case. */
function encodeUuid(value: string): Buffer {
  if (!UUID.test(value)) {
    throw new PlatformError("InvalidArgument", "INVALID_ID", `"${value.slice(0, 64)}" is not an id of this house`);
  }
  return Buffer.from(value.replaceAll("-", ""), "hex");
}

/** Postgres' text holds no NUL; a reason or a name is worth more with U+2400 in it than a run that can never end. */
function readable(value: string): string {
  return value.includes(NUL) ? value.replaceAll(NUL, "\u2400") : value;
}

/** 64 bits from a safe integer. */
function writeInt64(target: Buffer, value: number): void {
  target.writeInt32BE(Math.floor(value / 2 ** 32), 0);
  target.writeUInt32BE(value - Math.floor(value / 2 ** 32) * 2 ** 32, 4);
}
