import { parsePayloadReference } from "./payload-reference.ts";
import type { RunInput } from "./run-spec.ts";
import type { StepResponse, StepResult } from "./step-result.ts";

/**
 * Most bytes that a run may have in its messages and rows: its event, its context, and what its steps exported, returned and
 * answered, as far as they are not references. A run goes to another runner in one message of at most 8 MiB; what is larger
 * could never go on.
 */
export const RUN_INLINE_BYTES_MAX = 7 * 1024 * 1024;
/** Most bytes that a run may have in all, what references stand for included: a runner that goes on with it holds them. */
export const RUN_BYTES_MAX = 200 * 1024 * 1024;

/** What counts towards the size of a run. */
export interface SizedRun {
  readonly input: Pick<RunInput, "eventJson" | "contextJson">;
  readonly steps: readonly StepResult[];
}

/** The result as it is, or, when the run would become too large with it, the failure that stands in its place. */
export function boundResult(run: SizedRun, result: StepResult): StepResult {
  const [before, more] = [sizeOf(run), sizeOfResult(result)];
  if (before.inline + more.inline > RUN_INLINE_BYTES_MAX) {
    return tooLarge(
      result,
      RUN_INLINE_BYTES_MAX,
      before.inline + more.inline,
      "small values that are kept with the run",
    );
  }
  if (before.all + more.all <= RUN_BYTES_MAX) return result;
  return tooLarge(result, RUN_BYTES_MAX, before.all + more.all, "event, exports, return values and answers");
}

function tooLarge(result: StepResult, limit: number, bytes: number, what: string): StepResult {
  const [may, has] = [`${limit / MIB} MiB`, `${(bytes / MIB).toFixed(1)} MiB`];
  return {
    ...result,
    exportsJson: new Uint8Array(),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    pause: undefined,
    children: undefined,
    failure: result.failure ?? {
      cause: "PAYLOAD_TOO_LARGE",
      type: "PayloadTooLarge",
      message: `a run may have ${may} of ${what} in all; with this step it has ${has}`,
      traceback: "",
      line: 0,
    },
  };
}

/**
 * True when the run has room for so many bytes that end its pause. They go to its next runner twice: with the step that has
 * paused, and for the one to come.
 */
export function hasRoom(run: SizedRun, bytes: number): boolean {
  return sizeOf(run).inline + 2 * bytes <= RUN_INLINE_BYTES_MAX;
}

/** Bytes in messages and rows, and of all that they stand for. */
interface Size {
  readonly inline: number;
  readonly all: number;
}

const MIB = 1024 ** 2;

function sizeOf({ input, steps }: SizedRun): Size {
  return sum([sizeOfPayload(input.eventJson), sizeOfPayload(input.contextJson), ...steps.map(sizeOfResult)]);
}

function sizeOfResult({ exportsJson, returnValueJson, response, pause, resumption }: StepResult): Size {
  const paused = pause === undefined ? 0 : pause.contextJson.length + (resumption?.dataJson.length ?? 0);
  return sum([
    sizeOfPayload(exportsJson),
    returnValueJson ? sizeOfPayload(returnValueJson) : NOTHING,
    response ? sizeOfBody(response) : NOTHING,
    { inline: paused, all: paused },
  ]);
}

const NOTHING: Size = { inline: 0, all: 0 };

function sizeOfPayload(bytes: Uint8Array): Size {
  return { inline: bytes.length, all: parsePayloadReference(bytes)?.size ?? bytes.length };
}

function sizeOfBody({ body, bodyIsReference }: StepResponse): Size {
  return bodyIsReference === true ? sizeOfPayload(body) : { inline: body.length, all: body.length };
}

function sum(sizes: readonly Size[]): Size {
  return sizes.reduce((all, size) => ({ inline: all.inline + size.inline, all: all.all + size.all }), NOTHING);
}
