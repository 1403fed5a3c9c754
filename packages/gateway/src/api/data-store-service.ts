import { PlatformError } from "@millrace/core";
import type { dataStoreApi } from "@millrace/protocol";
import {
  DATA_STORE_BOUNDS as BOUNDS,
  type DataStoreEntry,
  type DataStoreOperation,
  type DataStoreRecord,
  type DataStores,
} from "@millrace/store";
import { DATA_STORE_NAME } from "../data-store-name.ts";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";

const PAGE = { fallback: 100, max: BOUNDS.page };
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const PREFIX = "dataStores/";
const SHOWN_MAX = 120;
/** Longer than anybody will wait, and far from what Postgres' clock can hold. */
const TTL_MAX_S = 100 * 366 * 86_400;

export interface DataStoreServiceOptions {
  readonly dataStores: DataStores;
  /** Most bytes of keys and values in one store. */
  readonly storeBytesMax: number;
}

/** `millrace.api.v1.DataStoreService`. */
export class DataStoreService {
  readonly #dataStores: DataStores;
  readonly #bytesMax: number;

  constructor({ dataStores, storeBytesMax }: DataStoreServiceOptions) {
    this.#dataStores = dataStores;
    this.#bytesMax = storeBytesMax;
  }

  async listDataStores(
    request: dataStoreApi.ListDataStoresRequest,
    { principal }: ApiContext,
  ): Promise<dataStoreApi.ListDataStoresResponse> {
    const size = pageSizeOf(request.pageSize, PAGE);
    const all = await this.#dataStores.list(principal.projectId);
    const rest = all.filter(({ name }) => name > request.pageToken).sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = rest.slice(0, size);
    return { dataStores: page.map(toDataStore), nextPageToken: rest.length > size ? page.at(-1)!.name : "" };
  }

  async deleteDataStore(
    request: dataStoreApi.DeleteDataStoreRequest,
    { principal }: ApiContext,
  ): Promise<Record<string, never>> {
    await this.#dataStores.remove(principal.projectId, parseStoreName(request.name));
    return {};
  }

  async listDataStoreRecords(
    request: dataStoreApi.ListDataStoreRecordsRequest,
    { principal }: ApiContext,
  ): Promise<dataStoreApi.ListDataStoreRecordsResponse> {
    const { projectId } = principal;
    const store = parseStoreName(request.parent);
    const after = Buffer.from(request.pageToken, "base64url").toString();
    const scan = { prefix: request.prefix, after, limit: pageSizeOf(request.pageSize, PAGE) };
    if (request.keysOnly) {
      const { items, more } = await this.#dataStores.keys(projectId, store, scan);
      const records = items.map((key) => ({ key, valueJson: "", expireTime: undefined, ttl: undefined }));
      return { records, nextPageToken: more ? tokenOf(items.at(-1)!) : "" };
    }
    const { items, more } = await this.#dataStores.entries(projectId, store, scan);
    return { records: items.map(toRecord), nextPageToken: more ? tokenOf(items.at(-1)!.key) : "" };
  }

  async getDataStoreRecord(
    { parent, key }: dataStoreApi.GetDataStoreRecordRequest,
    { principal }: ApiContext,
  ): Promise<dataStoreApi.DataStoreRecord> {
    const { items } = await this.#dataStores.read(principal.projectId, parseStoreName(parent), [key]);
    if (items[0] === undefined) throw noRecord(key);
    return toRecord(items[0]);
  }

  async setDataStoreRecords(
    { parent, records }: dataStoreApi.SetDataStoreRecordsRequest,
    { principal }: ApiContext,
  ): Promise<Record<string, never>> {
    const store = parseStoreName(parent);
    if (records.length === 0 || records.length > BOUNDS.operations) {
      throw invalidRecord(`from 1 to ${BOUNDS.operations} records can be written at once`);
    }
    const operations = records.map(toOperation);
    const bytes = operations.reduce((sum, { value }) => sum + value!.byteLength, 0);
    if (bytes > BATCH_BYTES_MAX) throw invalidRecord(`the values have ${bytes} bytes, more than ${BATCH_BYTES_MAX}`);
    await this.#dataStores.write(principal.projectId, store, operations, { bytesMax: this.#bytesMax });
    return {};
  }

  exportDataStore(
    _request: dataStoreApi.ExportDataStoreRequest,
    _context: ApiContext,
  ): AsyncIterable<dataStoreApi.ExportDataStoreResponse> {
    throw new PlatformError("Unavailable", "NOT_THERE_YET", "this method is not there yet");
  }

  importDataStore(
    _requests: AsyncIterable<dataStoreApi.ImportDataStoreRequest>,
    _context: ApiContext,
  ): Promise<dataStoreApi.ImportDataStoreResponse> {
    throw new PlatformError("Unavailable", "NOT_THERE_YET", "this method is not there yet");
  }

  async deleteDataStoreRecord(
    { parent, key }: dataStoreApi.DeleteDataStoreRecordRequest,
    { principal }: ApiContext,
  ): Promise<Record<string, never>> {
    const operation: DataStoreOperation = { kind: "delete", key: checkKey(key), value: null, amount: null, ttl: null };
    const options = { bytesMax: this.#bytesMax };
    const store = parseStoreName(parent);
    const [was] = await this.#dataStores.write(principal.projectId, store, [operation], options);
    if (was === null) throw noRecord(key);
    return {};
  }
}

/** `dataStores/<store>` → the store's name. Throws `INVALID_NAME`. */
function parseStoreName(name: string): string {
  const store = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  if (DATA_STORE_NAME.test(store)) return store;
  const form = "dataStores/<store>, the store's name letters, digits, dots, underscores and hyphens, at most 64";
  const shown = JSON.stringify(name.slice(0, SHOWN_MAX));
  throw new PlatformError("InvalidArgument", "INVALID_NAME", `${shown} is not a name of the form ${form}`);
}

function tokenOf(key: string): string {
  return Buffer.from(key).toString("base64url");
}

function toDataStore({ name, records, bytes, createTimeMs }: DataStoreRecord): dataStoreApi.DataStore {
  return { name: PREFIX + name, recordCount: records, sizeBytes: bytes, createTime: new Date(createTimeMs) };
}

function toRecord({ key, value, expireTimeMs }: DataStoreEntry): dataStoreApi.DataStoreRecord {
  const expireTime = expireTimeMs === null ? undefined : new Date(expireTimeMs);
  return { key, valueJson: Buffer.from(value).toString(), expireTime, ttl: undefined };
}

function toOperation({ key, valueJson, ttl }: dataStoreApi.DataStoreRecord): DataStoreOperation {
  const value = Buffer.from(valueJson.trim());
  if (value.byteLength > BOUNDS.valueBytes) {
    throw invalidRecord(
      `a value has at most ${BOUNDS.valueBytes} bytes, that of ${shown(key)} has ${value.byteLength}`,
    );
  }
  try {
    JSON.parse(valueJson);
  } catch {
    throw invalidRecord(`the value of ${shown(key)} is not JSON`);
  }
  const seconds = ttl === undefined ? null : ttl.seconds + ttl.nanos / 1e9;
  if (seconds !== null && seconds <= 0) throw invalidRecord(`the time to live of ${shown(key)} is over already`);
  if (seconds !== null && seconds > TTL_MAX_S) {
    throw invalidRecord(`the time to live of ${shown(key)} is longer than ${TTL_MAX_S} s`);
  }
  return { kind: "set", key: checkKey(key), value, amount: null, ttl: seconds };
}

function checkKey(key: string): string {
  if (key === "") throw invalidRecord("a key must not be empty");
  if (Buffer.byteLength(key) <= BOUNDS.keyBytes) return key;
  throw invalidRecord(`a key has at most ${BOUNDS.keyBytes} bytes, ${shown(key)} has ${Buffer.byteLength(key)}`);
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, SHOWN_MAX));
}

function noRecord(key: string): PlatformError {
  return new PlatformError("NotFound", "RECORD_NOT_FOUND", `There is no record ${shown(key)}`);
}

function invalidRecord(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_RECORD", message);
}
