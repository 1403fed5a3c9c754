import { PlatformError } from "@millrace/core";
import type { dataStoreApi } from "@millrace/protocol";
import { DATA_STORE_BOUNDS as BOUNDS, type DataStoreOperation } from "@millrace/store";
import { DATA_STORE_NAME } from "../data-store-name.ts";

/** Before the name of a store in its resource name. */
export const STORE_PREFIX = "dataStores/";
const SHOWN_MAX = 120;
/** Longer than anybody will wait, and far from what Postgres' clock can hold. */
const TTL_MAX_S = 100 * 366 * 86_400;

/** `dataStores/<store>` → the store's name. Throws `INVALID_NAME`. */
export function parseStoreName(name: string): string {
  const store = name.startsWith(STORE_PREFIX) ? name.slice(STORE_PREFIX.length) : "";
  if (DATA_STORE_NAME.test(store)) return store;
  const form = "dataStores/<store>, the store's name letters, digits, dots, underscores and hyphens, at most 64";
  const shown = JSON.stringify(name.slice(0, SHOWN_MAX));
  throw new PlatformError("InvalidArgument", "INVALID_NAME", `${shown} is not a name of the form ${form}`);
}

/** The write of a record. Throws `INVALID_RECORD`. */
export function toOperation({ key, valueJson, ttl }: dataStoreApi.DataStoreRecord): DataStoreOperation {
  const value = Buffer.from(valueJson.trim());
  if (value.byteLength > BOUNDS.valueBytes) {
    throw invalidRecord(
      `a value has at most ${BOUNDS.valueBytes} bytes, that of ${shownKey(key)} has ${value.byteLength}`,
    );
  }
  try {
    JSON.parse(valueJson);
  } catch {
    throw invalidRecord(`the value of ${shownKey(key)} is not JSON`);
  }
  const seconds = ttl === undefined ? null : ttl.seconds + ttl.nanos / 1e9;
  if (seconds !== null && seconds <= 0) throw invalidRecord(`the time to live of ${shownKey(key)} is over already`);
  if (seconds !== null && seconds > TTL_MAX_S) {
    throw invalidRecord(`the time to live of ${shownKey(key)} is longer than ${TTL_MAX_S} s`);
  }
  return { kind: "set", key: checkKey(key), value, amount: null, ttl: seconds };
}

/** Throws `INVALID_RECORD`. */
export function checkKey(key: string): string {
  if (key === "") throw invalidRecord("a key must not be empty");
  if (Buffer.byteLength(key) <= BOUNDS.keyBytes) return key;
  throw invalidRecord(`a key has at most ${BOUNDS.keyBytes} bytes, ${shownKey(key)} has ${Buffer.byteLength(key)}`);
}

/** A key in a sentence. */
export function shownKey(key: string): string {
  return JSON.stringify(key.slice(0, SHOWN_MAX));
}

/** What is wrong with records. */
export function invalidRecord(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_RECORD", message);
}
