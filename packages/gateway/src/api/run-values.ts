import { parsePayloadReference, PlatformError, type StepResult } from "@millrace/core";
import { runApi } from "@millrace/protocol";
import type { RunRecord, StepRunRecord } from "@millrace/store";
import type { Payloads, PayloadSource } from "../payloads/payloads.ts";

/** Larger values are left out of a run; together they are bounded too. */
const SHOWN_BYTES_MAX = 1024 * 1024;
const SHOWN_TOGETHER_MAX = 16 * 1024 * 1024;
const NOTHING = new Uint8Array();

/** A run with its values, as far as they are not too large, and what was left out. */
export interface ShownRun {
  readonly record: RunRecord;
  readonly large: readonly runApi.LargeValue[];
}

/** Values of runs as people read them: where the record holds a reference, the value itself is shown. */
export class RunValues {
  readonly #payloads: Payloads;

  constructor(payloads: Payloads) {
    this.#payloads = payloads;
  }

  /** The run with what its references stand for. Most runs have none, and nothing is read for them. */
  async show(record: RunRecord): Promise<ShownRun> {
    if (!hasReferences(record)) return { record, large: [] };
    const shown = new Showing(this.#payloads, record.id);
    const eventJson = await shown.value(record.input.eventJson, runApi.RunValueKind.EVENT, "");
    const steps: StepRunRecord[] = [];
    for (const step of record.steps) {
      steps.push(step.result === null ? step : { ...step, result: await shown.result(step.path, step.result) });
    }
    const input = { ...record.input, eventJson: eventJson ?? NOTHING };
    return { record: { ...record, input, steps }, large: shown.large };
  }

  /** One value, whatever its size. Throws `VALUE_NOT_FOUND`. */
  read(record: RunRecord, { kind, path }: runApi.ReadRunValueRequest): AsyncIterable<Buffer> {
    const value = valueOf(record, kind, path);
    if (value === undefined) {
      throw new PlatformError("NotFound", "VALUE_NOT_FOUND", "the run has no such value, or not yet");
    }
    return this.#payloads.stream(record.id, value);
  }
}

/** What of one run is shown so far. */
class Showing {
  readonly large: runApi.LargeValue[] = [];
  readonly #payloads: Payloads;
  readonly #runId: string;
  #bytes = 0;

  constructor(payloads: Payloads, runId: string) {
    this.#payloads = payloads;
    this.#runId = runId;
  }

  async result(path: string, result: StepResult): Promise<StepResult> {
    const { exportsJson, returnValueJson, response } = result;
    const { EXPORTS, RETURN_VALUE, ANSWER } = runApi.RunValueKind;
    const isReference = response?.bodyIsReference === true;
    return {
      ...result,
      exportsJson: (await this.value(exportsJson, EXPORTS, path)) ?? NOTHING,
      returnValueJson: returnValueJson && (await this.value(returnValueJson, RETURN_VALUE, path)),
      response: isReference
        ? { ...response, body: (await this.value(response.body, ANSWER, path)) ?? NOTHING, bodyIsReference: false }
        : response,
    };
  }

  /** The value; undefined when it is left out. */
  async value(value: Uint8Array, kind: runApi.RunValueKind, path: string): Promise<Uint8Array | undefined> {
    const reference = parsePayloadReference(value);
    if (reference === undefined) return value;
    const { size } = reference;
    if (size <= SHOWN_BYTES_MAX && this.#bytes + size <= SHOWN_TOGETHER_MAX) {
      this.#bytes += size;
      return this.#payloads.load(this.#runId, value);
    }
    this.large.push({ kind, path, size });
    return undefined;
  }
}

function hasReferences({ input, steps }: RunRecord): boolean {
  if (input.eventJson[0] === 0) return true;
  return steps.some(
    ({ result }) =>
      result !== null &&
      (result.exportsJson[0] === 0 || result.returnValueJson?.[0] === 0 || result.response?.bodyIsReference === true),
  );
}

function valueOf({ input, steps }: RunRecord, kind: runApi.RunValueKind, path: string): PayloadSource | undefined {
  if (kind === runApi.RunValueKind.EVENT) return { bytes: input.eventJson, mayBeReference: true };
  const result = steps.find((step) => step.path === path)?.result;
  if (!result) return undefined;
  const { exportsJson, returnValueJson, response } = result;
  switch (kind) {
    case runApi.RunValueKind.EXPORTS:
      return { bytes: exportsJson.length === 0 ? Buffer.from("{}") : exportsJson, mayBeReference: true };
    case runApi.RunValueKind.RETURN_VALUE:
      return returnValueJson && { bytes: returnValueJson, mayBeReference: true };
    case runApi.RunValueKind.ANSWER:
      return response && { bytes: response.body, mayBeReference: response.bodyIsReference === true };
    default:
      return undefined;
  }
}
