import { PlatformError } from "@millrace/core";
import type { dataStoreApi } from "@millrace/protocol";
import {
  DATA_STORE_BOUNDS as BOUNDS,
  type DataStoreEntry,
  type DataStoreOperation,
  type DataStoreRecord,
  type DataStores,
} from "@millrace/store";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { importStore } from "./store-import.ts";
import { checkKey, invalidRecord, parseStoreName, shownKey, STORE_PREFIX, toOperation } from "./store-operations.ts";
import { encodeStoreLine } from "./store-lines.ts";

const PAGE = { fallback: 100, max: BOUNDS.page };
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

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

  async *exportDataStore(
    { name, prefix }: dataStoreApi.ExportDataStoreRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<dataStoreApi.ExportDataStoreResponse> {
    const store = parseStoreName(name);
    let after = "";
    while (!signal.aborted) {
      const scan = { prefix, after, limit: BOUNDS.page };
      const { items, more } = await this.#dataStores.entries(principal.projectId, store, scan);
      yield { content: Buffer.concat(items.map(encodeStoreLine)) };
      if (!more) return;
      after = items.at(-1)!.key;
    }
  }

  async importDataStore(
    requests: AsyncIterable<dataStoreApi.ImportDataStoreRequest>,
    { principal }: ApiContext,
  ): Promise<dataStoreApi.ImportDataStoreResponse> {
    const write = async (store: string, operations: readonly DataStoreOperation[]): Promise<void> => {
      await this.#dataStores.write(principal.projectId, store, operations, { bytesMax: this.#bytesMax });
    };
    const { imported, expired } = await importStore(requests, write);
    return { importedCount: imported, expiredCount: expired };
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

function tokenOf(key: string): string {
  return Buffer.from(key).toString("base64url");
}

function toDataStore({ name, records, bytes, createTimeMs }: DataStoreRecord): dataStoreApi.DataStore {
  return { name: STORE_PREFIX + name, recordCount: records, sizeBytes: bytes, createTime: new Date(createTimeMs) };
}

function toRecord({ key, value, expireTimeMs }: DataStoreEntry): dataStoreApi.DataStoreRecord {
  const expireTime = expireTimeMs === null ? undefined : new Date(expireTimeMs);
  return { key, valueJson: Buffer.from(value).toString(), expireTime, ttl: undefined };
}

function noRecord(key: string): PlatformError {
  return new PlatformError("NotFound", "RECORD_NOT_FOUND", `There is no record ${shownKey(key)}`);
}
