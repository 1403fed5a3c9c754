import { createHash } from "node:crypto";
import { PlatformError, type RunTokenClaims } from "@millrace/core";
import {
  DATA_STORE_BOUNDS as BOUNDS,
  type DataStoreEntry,
  type DataStoreOperation,
  type DataStores,
} from "@millrace/store";
import { DATA_STORE_NAME } from "../data-store-name.ts";
import { CallFields, invalidCall } from "./call-fields.ts";
import type { CallHandler, HostAnswer, HostCall } from "./host-calls.ts";
import { Turns } from "./turns.ts";

export interface StoreCallsOptions {
  readonly dataStores: DataStores;
  /** Most bytes of keys and values in one store. */
  readonly storeBytesMax: number;
  /** Writes of one store under way at the same time: those of a key that all want wait here, not in connections to the database. */
  readonly writesMax: number;
}

/** Longer than anybody will wait, and far from what Postgres' clock can hold. */
const TTL_MAX_S = 100 * 366 * 86_400;
/** A number that Postgres adds exactly; its exponent is bounded, since it is written out. */
const AMOUNT = /^-?\d{1,310}(\.\d{1,350})?([eE][+-]?\d{1,3})?$/;
const STORE_BYTES_MAX = 256;
/** Writes of one execution of a step: each is remembered until its run is over. */
const WRITES_MAX = 1_000_000;

/** The data stores of user code's own project. Values pass as the bytes that they are, once it is sure that they are JSON. */
export function storeCalls(options: StoreCallsOptions): Record<string, CallHandler> {
  const { dataStores } = options;
  const turns = new Turns(options.writesMax);
  return {
    "store.write": (claims, call) => {
      const name = storeOf(new CallFields(call.request));
      return turns.take(`${claims.projectId} ${name}`, () => write(options, claims, call));
    },
    "store.read": async ({ projectId }, { request }) => {
      const fields = new CallFields(request);
      const keys = fields
        .list("keys", BOUNDS.operations)
        .map((key) => new CallFields({ key }).text("key", BOUNDS.keyBytes));
      const { items, more } = await dataStores.read(projectId, storeOf(fields), keys);
      return toEntries(items, more);
    },
    "store.keys": async ({ projectId }, { request }) => {
      const fields = new CallFields(request);
      const { items, more } = await dataStores.keys(projectId, storeOf(fields), scanOf(fields));
      return { response: { keys: items, more } };
    },
    "store.entries": async ({ projectId }, { request }) => {
      const fields = new CallFields(request);
      const { items, more } = await dataStores.entries(projectId, storeOf(fields), scanOf(fields));
      return toEntries(items, more);
    },
    "store.count": async ({ projectId }, { request }) => ({
      response: await dataStores.count(projectId, storeOf(new CallFields(request))),
    }),
    "store.clear": async (claims, { request }) => {
      const fields = new CallFields(request);
      const after = fields.text("after", BOUNDS.keyBytes, { empty: true });
      return { response: (await dataStores.clear(claims.projectId, storeOf(fields), after, claims)) ?? null };
    },
  };
}

async function write(
  { dataStores, storeBytesMax: bytesMax }: StoreCallsOptions,
  claims: RunTokenClaims,
  call: HostCall,
): Promise<HostAnswer> {
  const fields = new CallFields(call.request);
  const operations = readOperations(fields, call.body);
  const { runId, assignment, projectId } = claims;
  const { path, execution, number } = call;
  if (number > WRITES_MAX) {
    const message = `a step makes at most ${WRITES_MAX} calls that write; set_many and transactions write many keys in one`;
    throw new PlatformError("ResourceExhausted", "TOO_MANY_WRITES", message);
  }
  const digest = createHash("sha256").update(JSON.stringify(call.request)).update("\0").update(call.body).digest();
  const origin = { runId, assignment, path, execution, number, digest };
  const results = await dataStores.write(projectId, storeOf(fields), operations, { bytesMax, origin });
  const body = Buffer.concat(results.filter((result) => result !== null));
  return { response: { sizes: results.map((result) => result?.byteLength ?? null) }, body };
}

function storeOf(fields: CallFields): string {
  const name = fields.text("store", STORE_BYTES_MAX);
  if (!DATA_STORE_NAME.test(name)) throw invalidCall(`${JSON.stringify(name)} is not the name of a data store`);
  return name;
}

function scanOf(fields: CallFields) {
  const prefix = fields.text("prefix", BOUNDS.keyBytes, { empty: true });
  return { prefix, after: fields.text("after", BOUNDS.keyBytes, { empty: true }), limit: BOUNDS.page };
}

function toEntries(items: readonly DataStoreEntry[], more: boolean): HostAnswer {
  const entries = items.map(({ key, value }) => [key, value.byteLength]);
  return { response: { entries, more }, body: Buffer.concat(items.map(({ value }) => value)) };
}

/** The values of the operations stand in the body, one behind the other. */
function readOperations(fields: CallFields, body: Uint8Array): DataStoreOperation[] {
  let position = 0;
  const operations = fields.list("operations", BOUNDS.operations).map((one) => {
    const operation = new CallFields(one, "an operation");
    const size = operation.count("size");
    const value = size === undefined ? null : body.subarray(position, (position += size));
    return readOperation(operation, value);
  });
  if (position !== body.byteLength) throw invalidCall("the sizes of the values do not add up");
  const firstWrite = operations.findIndex(({ kind }) => kind !== "check");
  if (firstWrite >= 0 && operations.slice(firstWrite).some(({ kind }) => kind === "check")) {
    throw invalidCall("checks stand before all other operations");
  }
  return operations;
}

function readOperation(fields: CallFields, value: Uint8Array | null): DataStoreOperation {
  const kind = fields.text("kind", 16);
  const key = fields.text("key", BOUNDS.keyBytes);
  const none = { value: null, amount: null, ttl: null };
  switch (kind) {
    case "check":
      return { ...none, kind, key, value: value && checkJson(key, value, value) };
    case "set":
    case "insert":
      return { ...none, kind, key, value: checkJson(key, value, value), ttl: ttlOf(fields) };
    case "append":
      return { ...none, kind, key, value: checkJson(key, value, value && Buffer.from(`[${text(value)}]`)), ttl: -1 };
    case "increment":
      return { ...none, kind, key, amount: amountOf(fields), ttl: ttlOf(fields) ?? -1 };
    case "delete":
      return { ...none, kind, key };
    case "expire":
      return { ...none, kind, key, ttl: ttlOf(fields) };
    default:
      throw invalidCall(`there is no operation ${JSON.stringify(kind)}`);
  }
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString("utf8");
}

/** Others will read the value as JSON, without blanks around it: `json` is what has to be. */
function checkJson(key: string, value: Uint8Array | null, json: Uint8Array | null): Uint8Array {
  if (value === null || json === null) throw invalidCall(`the value of ${JSON.stringify(key)} is missing`);
  try {
    const decoded = new TextDecoder("utf8", { fatal: true, ignoreBOM: true }).decode(json);
    JSON.parse(decoded);
    if (decoded.trim() === decoded) return value;
  } catch {
    // Said below.
  }
  throw invalidCall(`the value of ${JSON.stringify(key)} is not JSON`);
}

function amountOf(fields: CallFields): string {
  const amount = fields.text("amount", 700);
  if (!AMOUNT.test(amount)) throw invalidCall("amount must be a decimal number");
  return amount;
}

/** Seconds; null is for ever. */
function ttlOf(fields: CallFields): number | null {
  const ttl = fields.number("ttl");
  if (ttl !== null && !(ttl > 0 && ttl <= TTL_MAX_S)) {
    throw invalidCall(`ttl must be a number of seconds above 0 and at most ${TTL_MAX_S}`);
  }
  return ttl;
}
