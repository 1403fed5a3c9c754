import { coerceError, encodePayloadReference, INLINE_BYTES_MAX, parsePayloadReference } from "@millrace/core";
import type { session, step } from "@millrace/protocol";
import * as control from "@millrace/protocol/control";
import type { Logger } from "@millrace/telemetry";

import type { ActiveRun, WiredAssign } from "../active-run.ts";
import { refusedResult } from "../step-end.ts";
import { ByteGate } from "./byte-gate.ts";
import type { ObjectAsker, ObjectClient, ObjectPurpose } from "./object-client.ts";

/** What references of an assignment stand for, in memory until a worker has it. */
export interface LoadedPayloads {
  readonly eventJson: Buffer;
  readonly doneSteps: session.DoneStep[];
  readonly tmp: step.TmpSnapshot | undefined;
}

export interface RunPayloadsOptions {
  readonly objects: ObjectClient;
  /** Most bytes of loaded payloads in memory, of all runs together. */
  readonly bytesMax: number;
  readonly log: Logger;
}

/** Of a run's payloads in messages and rows; what comes later travels as references unless it is tiny. */
const RUN_INLINE_BYTES = 4 * 1024 * 1024;
/** A reference saves nothing here. */
const TINY_BYTES = 1024;
const FURTHER_EXECUTION = /\/runs\/\d+$/;
const PAYLOAD: ObjectPurpose = { use: control.ObjectUse.PAYLOAD, superseded: [] };

/** Bytes that an assignment carries in its messages. */
export function inlineBytesOf({ input, wireSteps }: WiredAssign): number {
  let bytes = input.eventJson.length + input.contextJson.length;
  for (const { exportsJson, returnValueJson } of wireSteps)
    bytes += exportsJson.length + (returnValueJson?.length ?? 0);
  return bytes;
}

/** True when an assignment has references: told by a first byte each, since most have none. */
export function hasReferences({ input, wireSteps, tmp }: WiredAssign): boolean {
  if (input.eventJson[0] === 0 || tmp?.content[0] === 0) return true;
  for (const { exportsJson, returnValueJson } of wireSteps) {
    if (exportsJson[0] === 0 || returnValueJson?.[0] === 0) return true;
  }
  return false;
}

/** Bytes that the references of an assignment stand for. */
function referencedBytes({ input, wireSteps, tmp }: WiredAssign): number {
  const payloads = [
    input.eventJson,
    tmp?.content,
    ...wireSteps.flatMap((done) => [done.exportsJson, done.returnValueJson]),
  ];
  return payloads.reduce((sum, payload) => sum + ((payload && parsePayloadReference(payload)?.size) ?? 0), 0);
}

const NOTHING = Buffer.alloc(0);

/** Large payloads of the runs of a runner: fetched before a run starts, stored before a checkpoint names them. */
export class RunPayloads {
  readonly #options: RunPayloadsOptions;
  readonly #gate: ByteGate;

  constructor(options: RunPayloadsOptions) {
    this.#options = options;
    this.#gate = new ByteGate(options.bytesMax);
  }

  /**
   * Fetches what the references of a run's assignment stand for; `release` says when a worker has it, or nobody needs it. A
   * saved /tmp that cannot be had does not keep the run from going on.
   */
  async load(run: ActiveRun, held: () => boolean): Promise<{ loaded: LoadedPayloads; release: () => void }> {
    const { assign } = run;
    const bytes = referencedBytes(assign);
    await this.#gate.enter(bytes);
    let left = false;
    const release = (): void => {
      if (!left) this.#gate.leave(bytes);
      left = true;
    };
    try {
      const asker = { runToken: assign.runToken, held };
      return { loaded: await this.#load(assign, asker), release };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  async #load({ input, wireSteps, tmp }: WiredAssign, asker: ObjectAsker): Promise<LoadedPayloads> {
    const doneSteps: session.DoneStep[] = [];
    for (const done of wireSteps) {
      const exportsJson = await this.#read(done.exportsJson, asker);
      const returnValueJson = done.returnValueJson && (await this.#read(done.returnValueJson, asker));
      doneSteps.push({ ...done, exportsJson, returnValueJson });
    }
    const eventJson = await this.#read(input.eventJson, asker);
    return { eventJson, doneSteps, tmp: tmp && (await this.#readTmp(tmp, asker)) };
  }

  async #readTmp(tmp: NonNullable<WiredAssign["tmp"]>, asker: ObjectAsker): Promise<step.TmpSnapshot> {
    try {
      return { content: await this.#read(tmp.content, asker), unsaved: tmp.unsaved };
    } catch (thrown) {
      const { reason } = coerceError(thrown);
      if (reason === "RUN_LEFT") throw thrown;
      return { content: NOTHING, unsaved: `what was saved of it could not be read again (${reason})` };
    }
  }

  async #read(payload: Uint8Array, asker: ObjectAsker): Promise<Buffer> {
    const reference = parsePayloadReference(payload);
    if (reference === undefined) return asBuffer(payload);
    return this.#options.objects.read(reference, asker);
  }

  /** True when something of a result has to be stored before it is reported; if not, counts what travels with it. */
  concerns(run: ActiveRun, result: step.StepResult): boolean {
    const { exportsJson, returnValueJson, response, tmp } = result;
    const bytes = exportsJson.length + (returnValueJson?.length ?? 0) + (response?.body.length ?? 0);
    const large = bytes > INLINE_BYTES_MAX || run.inlineBytes + bytes > RUN_INLINE_BYTES;
    if (large || (tmp !== undefined && tmp.content.length > 0)) return true;
    run.inlineBytes += bytes;
    this.#rememberTmp(run, result);
    return false;
  }

  /** A further execution of a step takes the place of the one before it, and of what that one has said of /tmp. */
  #rememberTmp(run: ActiveRun, result: step.StepResult): void {
    if (result.tmp !== undefined) run.tmp = result.tmp;
    else if (run.tmp !== undefined && FURTHER_EXECUTION.test(result.path)) result.tmp = run.tmp;
  }

  /** The result with references in place of what is large; undefined when the run has left meanwhile. */
  async store(run: ActiveRun, result: step.StepResult, held: () => boolean): Promise<step.StepResult | undefined> {
    const asker = { runToken: run.assign.runToken, held };
    try {
      const small = { ...(await this.#storeLargest(run, result, asker)) };
      if (small.tmp !== undefined) small.tmp = await this.#storeTmp(run, small.tmp, asker);
      this.#rememberTmp(run, small);
      return small;
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.reason === "RUN_LEFT") return undefined;
      this.#options.log.warn("payload.not_stored", { run: run.handing.runId, error });
      return refusedResult(result, error.message);
    }
  }

  /** An answer with a reference in place of a large body. */
  async storeAnswer(run: ActiveRun, response: step.Response, held: () => boolean): Promise<step.Response> {
    return this.#storeBody(response, { runToken: run.assign.runToken, held });
  }

  /** The largest first, until the rest is small enough for messages and rows. */
  async #storeLargest(run: ActiveRun, given: step.StepResult, asker: ObjectAsker): Promise<step.StepResult> {
    let result = given;
    for (;;) {
      const { exportsJson, returnValueJson = NOTHING, response } = result;
      const body = response === undefined || response.bodyIsReference ? NOTHING : response.body;
      const sizes = [exportsJson.length, returnValueJson.length, body.length];
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const largest = Math.max(...sizes);
      const fits = bytes <= INLINE_BYTES_MAX && run.inlineBytes + bytes <= RUN_INLINE_BYTES;
      if (fits || largest <= TINY_BYTES) {
        run.inlineBytes += bytes;
        return result;
      }
      if (exportsJson.length === largest)
        result = { ...result, exportsJson: await this.#write(exportsJson, PAYLOAD, asker) };
      else if (body.length === largest) result = { ...result, response: await this.#storeBody(response!, asker) };
      else result = { ...result, returnValueJson: await this.#write(returnValueJson, PAYLOAD, asker) };
    }
  }

  async #storeBody(response: step.Response, asker: ObjectAsker): Promise<step.Response> {
    return { ...response, body: await this.#write(response.body, PAYLOAD, asker), bodyIsReference: true };
  }

  /** The snapshot before the last one is not needed any more: the last one was committed, or this step would not have run. */
  async #storeTmp(run: ActiveRun, tmp: step.TmpSnapshot, asker: ObjectAsker): Promise<step.TmpSnapshot> {
    if (tmp.content.length === 0) return tmp;
    const purpose = { use: control.ObjectUse.TMP, superseded: run.tmpObjects.slice(0, -1) };
    const reference = await this.#options.objects.write(tmp.content, purpose, asker);
    run.tmpObjects = [...run.tmpObjects.slice(-1), reference.objectId];
    return { ...tmp, content: asBuffer(encodePayloadReference(reference)) };
  }

  async #write(content: Buffer, purpose: ObjectPurpose, asker: ObjectAsker): Promise<Buffer> {
    return asBuffer(encodePayloadReference(await this.#options.objects.write(content, purpose, asker)));
  }
}

/** What an assignment says of a run's /tmp: the snapshot, and the object that holds it. */
export function tmpOf({ tmp }: WiredAssign): Pick<ActiveRun, "tmp" | "tmpObjects"> {
  if (tmp === undefined) return { tmp, tmpObjects: [] };
  const reference = parsePayloadReference(tmp.content);
  const { unsaved, content } = tmp;
  return { tmp: { content: asBuffer(content), unsaved }, tmpObjects: reference ? [reference.objectId] : [] };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
