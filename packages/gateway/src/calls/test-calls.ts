import { createHash } from "node:crypto";
import { PlatformError, type RunTokenClaims } from "@millrace/core";
import { OBJECT_PART_BYTES_MAX, type Drafts, type DraftTestRecord, type Objects, type Runs } from "@millrace/store";
import type { Payloads } from "../payloads/payloads.ts";
import { CallFields, invalidCall } from "./call-fields.ts";
import type { CallHandler } from "./host-calls.ts";

const EMPTY = new Uint8Array(0);

export interface TestCallsOptions {
  readonly drafts: Drafts;
  readonly runs: Runs;
  readonly objects: Objects;
  readonly payloads: Payloads;
  /** Most bytes of what tests leave in `/tmp`. */
  readonly tmpBytesMax: number;
}

/** What a test of a draft is given, and what it leaves: results of earlier tests, and `/tmp`. */
export function testCalls(options: TestCallsOptions): Record<string, CallHandler> {
  return {
    "test.given": (claims, { request }) => readGiven(options, claims, new CallFields(request)),
    "test.tmp.read": (claims, { request }) => readTmp(options, claims, new CallFields(request)),
    "test.tmp.write": (claims, { request, body }) => writeTmp(options, claims, new CallFields(request), body),
  };
}

/** The test that asks; the token says which run that is. Throws `NO_TEST`. */
async function testOf({ drafts }: TestCallsOptions, { runId, projectId }: RunTokenClaims): Promise<DraftTestRecord> {
  const test = await drafts.findTest(runId);
  if (test?.projectId === projectId) return test;
  throw new PlatformError("FailedPrecondition", "NO_TEST", "This run is no test of a draft");
}

/** One piece of one result: its exports and, behind them, its return value. */
async function readGiven(options: TestCallsOptions, claims: RunTokenClaims, fields: CallFields) {
  const test = await testOf(options, claims);
  const index = fields.count("index") ?? 0;
  const given = test.given[index];
  const count = test.given.length;
  if (given === undefined) return { response: { count, name: "", exports: 0, returned: null } };
  const { steps } = await options.runs.get(claims.projectId, given.runId);
  const result = steps.find(({ path }) => path === given.path)?.result;
  const load = async (value: Uint8Array | undefined): Promise<Uint8Array | undefined> =>
    value && (await options.payloads.load(given.runId, value));
  const exports = (await load(result?.exportsJson)) ?? EMPTY;
  const returned = await load(result?.returnValueJson);
  const body = piece(Buffer.concat([exports, returned ?? EMPTY]), fields.count("offset") ?? 0);
  return { response: { count, name: given.name, exports: exports.length, returned: returned?.length ?? null }, body };
}

async function readTmp(options: TestCallsOptions, claims: RunTokenClaims, fields: CallFields) {
  const { draftId } = await testOf(options, claims);
  const { objects } = options;
  const id = await objects.findRetained({ kind: "test", id: draftId });
  if (id === undefined) return { response: { size: 0 } };
  const { size } = await objects.get(claims.projectId, id);
  const start = Math.min(fields.count("offset") ?? 0, size);
  const pieces: Buffer[] = [];
  for await (const part of objects.read(id, { start, end: Math.min(size, start + OBJECT_PART_BYTES_MAX) })) {
    pieces.push(part);
  }
  return { response: { size }, body: Buffer.concat(pieces) };
}

/** Pieces come in order; the last one replaces what was there. Nothing but the name of the object is kept between them. */
async function writeTmp(options: TestCallsOptions, claims: RunTokenClaims, fields: CallFields, content: Uint8Array) {
  const { draftId } = await testOf(options, claims);
  const { objects } = options;
  const { projectId } = claims;
  const position = fields.count("offset") ?? 0;
  const size = fields.count("size") ?? 0;
  if (size > options.tmpBytesMax || position + content.length > size) throw invalidCall("that is too much of /tmp");
  const owner = { kind: "test" as const, id: draftId };
  const id = objectIdOf(claims, fields.text("name", 64));
  if (content.length > 0) await objects.writePart({ projectId, id, position, content });
  if (position + content.length < size) return { response: null };
  await objects.release(owner);
  if (size > 0) await objects.finish({ projectId, id, size, sha256: fields.text("sha256", 64), owner });
  return { response: null };
}

/** Each try has an object of its own, whatever the run calls it. */
function objectIdOf({ runId, assignment }: RunTokenClaims, name: string): string {
  const hex = createHash("sha256").update(`${runId} ${assignment} ${name}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

function piece(content: Buffer, offset: number): Buffer {
  return content.subarray(offset, offset + OBJECT_PART_BYTES_MAX);
}
