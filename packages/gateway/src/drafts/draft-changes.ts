import { PlatformError } from "@millrace/core";
import type { draftApi } from "@millrace/protocol";
import type { DraftBody, DraftStepBody } from "@millrace/store";
import { fileOfName, newStepId, objectOf, STEP_TEMPLATE } from "./draft-body.ts";
import { parseDraftStepName } from "./draft-names.ts";

/** A draft with other settings, modules or steps. Throws `INVALID_UPDATE_MASK`. */
export function updated(body: DraftBody, draft: draftApi.Draft, mask: readonly string[] | undefined): DraftBody {
  const { settingsJson, modules, steps } = draft;
  const given = {
    settings_json: settingsJson !== "",
    modules: Object.keys(modules).length > 0,
    steps: steps.length > 0,
  };
  const fields = fieldsOf(mask, given);
  return {
    settings: fields.has("settings_json") ? withoutSteps(objectOf(settingsJson, "settings_json")) : body.settings,
    modules: fields.has("modules") ? { ...modules } : body.modules,
    steps: fields.has("steps") ? steps.map((step) => stepOf(step, body)) : body.steps,
  };
}

function withoutSteps({ steps: _, ...settings }: Record<string, unknown>): Record<string, unknown> {
  return settings;
}

/** A draft with one more step. */
export function withStep(body: DraftBody, step: draftApi.DraftStep | undefined, place: number): DraftBody {
  const name = freeName(body, step?.displayName || "code");
  const added: DraftStepBody = {
    id: newStepId(),
    name,
    file: step?.file || freeFile(body, fileOfName(name)),
    code: step?.code || STEP_TEMPLATE,
    options: objectOf(step?.optionsJson ?? "", "options_json"),
  };
  const at = place === 0 ? body.steps.length : place - 1;
  return { ...body, steps: [...body.steps.slice(0, at), added, ...body.steps.slice(at)] };
}

/** A step with other contents. Throws `INVALID_UPDATE_MASK`. */
export function updatedStep(
  before: DraftStepBody,
  step: draftApi.DraftStep,
  mask: readonly string[] | undefined,
): DraftStepBody {
  const { displayName, file, code, optionsJson } = step;
  const given = {
    display_name: displayName !== "",
    file: file !== "",
    code: code !== "",
    options_json: optionsJson !== "",
  };
  const fields = fieldsOf(mask, given);
  return {
    ...before,
    name: fields.has("display_name") ? displayName : before.name,
    file: fields.has("file") ? file || fileOfName(displayName || before.name) : before.file,
    code: fields.has("code") ? code : before.code,
    options: fields.has("options_json") ? objectOf(optionsJson, "options_json") : before.options,
  };
}

/** A draft with a step at another place. */
export function moved(body: DraftBody, stepId: string, place: number): DraftBody {
  const step = findStep(body, stepId);
  const others = body.steps.filter(({ id }) => id !== stepId);
  const at = Math.max(0, place - 1);
  return { ...body, steps: [...others.slice(0, at), step, ...others.slice(at)] };
}

/** A draft without a step. */
export function without(body: DraftBody, stepId: string): DraftBody {
  findStep(body, stepId);
  return { ...body, steps: body.steps.filter(({ id }) => id !== stepId) };
}

/** Throws `STEP_NOT_FOUND`. */
export function findStep(body: DraftBody, stepId: string): DraftStepBody {
  const step = body.steps.find(({ id }) => id === stepId);
  if (step !== undefined) return step;
  throw new PlatformError("NotFound", "STEP_NOT_FOUND", "the draft has no such step, or not any more");
}

function stepOf(step: draftApi.DraftStep, body: DraftBody): DraftStepBody {
  const named = step.name === "" ? undefined : parseDraftStepName(step.name).stepId;
  const known = body.steps.find(({ id }) => id === named);
  return {
    id: known?.id ?? newStepId(),
    name: step.displayName,
    file: step.file || fileOfName(step.displayName),
    code: step.code,
    options: objectOf(step.optionsJson, "options_json"),
  };
}

/** What a mask names, in the names of the contract; without one, what is given. */
function fieldsOf(mask: readonly string[] | undefined, given: Readonly<Record<string, boolean>>): ReadonlySet<string> {
  const names = mask ?? [];
  const unknown = names.find((name) => !Object.hasOwn(given, name));
  if (unknown !== undefined) {
    const message = `update_mask may name ${Object.keys(given).join(", ")}, not ${JSON.stringify(unknown.slice(0, 60))}`;
    throw new PlatformError("InvalidArgument", "INVALID_UPDATE_MASK", message);
  }
  return new Set(names.length > 0 ? names : Object.keys(given).filter((name) => given[name]));
}

function freeName(body: DraftBody, wanted: string): string {
  const taken = new Set(body.steps.map(({ name }) => name));
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}_${n - 1}`;
    if (!taken.has(name)) return name;
  }
}

function freeFile(body: DraftBody, wanted: string): string {
  const taken = new Set(body.steps.map(({ file }) => file));
  for (let n = 1; ; n++) {
    const file = n === 1 ? wanted : wanted.replace(/\.py$/, `_${n}.py`);
    if (!taken.has(file)) return file;
  }
}
