import { open } from "node:fs/promises";
import { PlatformError } from "@millrace/core";
import type { dataStoreApi } from "@millrace/protocol";
import type { ApiClient } from "../api-client.ts";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { readJson } from "../read-json.ts";
import { readStdin } from "../read-stdin.ts";
import { lastPart, timeText } from "../output/run-document.ts";
import { timeCell } from "../output/run-text.ts";
import { table } from "../output/table.ts";
import { parseVerbatim } from "../output/verbatim-json.ts";

const VALUE_BYTES_MAX = 1024 * 1024;
const PAGE_SIZE = 1_000;
const BATCH_RECORDS_MAX = 1_000;
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
const SHOWN_MAX = 80;

export interface StoreListOptions {
  readonly prefix: string;
  readonly limit: number;
}

export interface StoreSetOptions {
  readonly text: boolean;
  readonly ttl?: number;
}

/** Lists the data stores, or the records of one. */
export function storeList(
  context: CommandContext,
  name: string | undefined,
  options: StoreListOptions,
): Promise<CommandResult> {
  return withHouse(context, (client) => (name === undefined ? listStores(client) : listRecords(client, name, options)));
}

async function listStores(client: ApiClient): Promise<CommandResult> {
  const found: dataStoreApi.DataStore[] = [];
  for (let pageToken = ""; ;) {
    const page = await client.dataStores.listDataStores({ pageSize: PAGE_SIZE, pageToken });
    found.push(...page.dataStores);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  const rows = found.map((one) => [
    lastPart(one.name),
    String(one.recordCount),
    `${(one.sizeBytes / 1024).toFixed(1)} KiB`,
    timeCell(one.createTime),
  ]);
  const none = 'No data stores. A step makes one when it first writes to it, and so does "millrace store set".';
  const json = found.map(({ name, recordCount, sizeBytes, createTime }) => ({
    name: lastPart(name),
    records: recordCount,
    bytes: sizeBytes,
    createTime: timeText(createTime),
  }));
  return { json, text: found.length === 0 ? none : table(["STORE", "RECORDS", "SIZE", "MADE"], rows) };
}

async function listRecords(client: ApiClient, name: string, options: StoreListOptions): Promise<CommandResult> {
  const found: dataStoreApi.DataStoreRecord[] = [];
  for await (const record of readRecords(client, name, options.prefix)) {
    if (found.push(record) === options.limit) break;
  }
  const rows = found.map(({ key, valueJson, expireTime }) => [
    key,
    expireTime === undefined ? "" : timeCell(expireTime),
    valueJson.length > SHOWN_MAX ? `${valueJson.slice(0, SHOWN_MAX - 1)}…` : valueJson,
  ]);
  const text = found.length === 0 ? "No records." : table(["KEY", "EXPIRES", "VALUE"], rows);
  return { json: found.map(recordDocument), text };
}

async function* readRecords(
  client: ApiClient,
  name: string,
  prefix: string,
): AsyncGenerator<dataStoreApi.DataStoreRecord> {
  let pageToken = "";
  do {
    const request = { parent: `dataStores/${name}`, prefix, keysOnly: false, pageSize: PAGE_SIZE, pageToken };
    const page = await client.dataStores.listDataStoreRecords(request);
    yield* page.records;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

function recordDocument({ key, valueJson, expireTime }: dataStoreApi.DataStoreRecord): unknown {
  return { key, value: parseVerbatim(valueJson), expireTime: timeText(expireTime) };
}

/** Prints one value. */
export function storeGet(context: CommandContext, name: string, key: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const record = await client.dataStores.getDataStoreRecord({ parent: `dataStores/${name}`, key });
    return { json: recordDocument(record), text: record.valueJson };
  });
}

/** Writes one value. */
export async function storeSet(
  context: CommandContext,
  name: string,
  key: string,
  given: string | undefined,
  { text, ttl }: StoreSetOptions,
): Promise<CommandResult> {
  const argument = { reason: "VALUE_NOT_JSON", name: "The value", example: `'{"name": "Ada"}', or text with --text` };
  const valueJson = text ? JSON.stringify(given ?? (await readValue())) : await readJson(given ?? "-", argument);
  return withHouse(context, async (client) => {
    await writeRecords(client, name, [toRecord(key, valueJson, ttl)]);
    return { json: { store: name, key }, text: `${key} is written` };
  });
}

/** What is piped in, without the line end that `echo` and editors put behind it. */
async function readValue(): Promise<string> {
  return (await readStdin(VALUE_BYTES_MAX + 2)).replace(/\r?\n$/, "");
}

function toRecord(key: string, valueJson: string, seconds: number | undefined): dataStoreApi.DataStoreRecord {
  const whole = Math.floor(seconds ?? 0);
  const ttl = seconds === undefined ? undefined : { seconds: whole, nanos: Math.round((seconds - whole) * 1e9) };
  return { key, valueJson, expireTime: undefined, ttl };
}

async function writeRecords(client: ApiClient, name: string, records: dataStoreApi.DataStoreRecord[]): Promise<void> {
  await client.dataStores.setDataStoreRecords({ parent: `dataStores/${name}`, records });
}

/** Deletes one record, or the store. */
export function storeDelete(
  context: CommandContext,
  name: string,
  key: string | undefined,
  options: { all: boolean },
): Promise<CommandResult> {
  if ((key === undefined) !== options.all) {
    const message = "Name the key to delete, or give --all to delete the store and everything in it.";
    throw new PlatformError("InvalidArgument", "USAGE", message);
  }
  return withHouse(context, async (client) => {
    if (key === undefined) await client.dataStores.deleteDataStore({ name: `dataStores/${name}` });
    else await client.dataStores.deleteDataStoreRecord({ parent: `dataStores/${name}`, key });
    return { json: { store: name, deleted: key ?? null }, text: `${key ?? `the data store ${name}`} is deleted` };
  });
}

/** Writes all records to a file. */
export function storeExport(context: CommandContext, name: string, path: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const file = await open(path, "w", 0o600);
    let exported = 0;
    try {
      for await (const { key, valueJson, expireTime } of readRecords(client, name, "")) {
        // The value is put in as the text that it is.
        const end = expireTime === undefined ? "" : `,"expireTime":${JSON.stringify(expireTime.toISOString())}`;
        await file.write(`{"key":${JSON.stringify(key)},"value":${valueJson}${end}}\n`);
        exported++;
      }
    } finally {
      await file.close();
    }
    return { json: { store: name, file: path, exported }, text: `${exported} records are in ${path}` };
  });
}

/** Writes the records of a file. */
export function storeImport(context: CommandContext, name: string, path: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    let imported = 0;
    let expired = 0;
    for await (const batch of readBatches(path, () => expired++)) {
      await writeRecords(client, name, batch);
      imported += batch.length;
    }
    const gone = expired === 0 ? "" : `; ${expired} had expired`;
    return { json: { store: name, file: path, imported, expired }, text: `${imported} records are written${gone}` };
  });
}

/** The records of a file, as many at a time as one call may carry. */
async function* readBatches(path: string, onExpired: () => void): AsyncGenerator<dataStoreApi.DataStoreRecord[]> {
  const file = await open(path).catch((cause: unknown) => {
    throw new PlatformError("InvalidArgument", "FILE_NOT_FOUND", `${path} cannot be read.`, { cause });
  });
  let batch: dataStoreApi.DataStoreRecord[] = [];
  let bytes = 0;
  let number = 0;
  for await (const line of file.readLines()) {
    number++;
    if (line.trim() === "") continue;
    const record = readLine(line, number);
    if (record === undefined) {
      onExpired();
      continue;
    }
    if (batch.length === BATCH_RECORDS_MAX || bytes + line.length > BATCH_BYTES_MAX) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += line.length;
  }
  if (batch.length > 0) yield batch;
}

/** A line of an exported file; undefined when the record has expired since. */
function readLine(line: string, number: number): dataStoreApi.DataStoreRecord | undefined {
  const { key, value, expireTime } = parseLine(line, number);
  if (expireTime === undefined) return toRecord(key, value, undefined);
  const seconds = (Date.parse(expireTime) - Date.now()) / 1_000;
  if (Number.isNaN(seconds)) throw badLine(number);
  return seconds > 0 ? toRecord(key, value, seconds) : undefined;
}

/** Takes the value as its source text, where the runtime offers that, so that no number changes. */
function parseLine(line: string, number: number): { key: string; value: string; expireTime?: string } {
  let document: unknown;
  try {
    document = parseVerbatim(line);
  } catch {
    throw badLine(number);
  }
  if (typeof document !== "object" || document === null || !("key" in document) || !("value" in document)) {
    throw badLine(number);
  }
  const { key, value, expireTime } = document as { key: unknown; value: unknown; expireTime?: unknown };
  if (typeof key !== "string" || (expireTime !== undefined && typeof expireTime !== "string")) throw badLine(number);
  return { key, value: JSON.stringify(value), ...(expireTime !== undefined && { expireTime }) };
}

function badLine(number: number): PlatformError {
  const message = `Line ${number} is not a record as "millrace store export" writes them: {"key": …, "value": …}.`;
  return new PlatformError("InvalidArgument", "INVALID_RECORD", message);
}
