import { PlatformError } from "@millrace/core";

const DRAFT = /^workflows\/([^/]{1,200})\/draft$/;
const STEP = /^workflows\/([^/]{1,200})\/draft\/steps\/([0-9a-f]{16})$/;
const VERSION = /^workflows\/([^/]{1,200})\/versions\/([1-9]\d{0,8})$/;

/** `workflows/<workflow>/draft` → the workflow. Throws `INVALID_NAME`. */
export function parseDraftName(name: string): string {
  return match(DRAFT, name, "workflows/<workflow>/draft")[1]!;
}

/** `workflows/<workflow>/draft/steps/<id>`. Throws `INVALID_NAME`. */
export function parseDraftStepName(name: string): { workflow: string; stepId: string } {
  const [, workflow, stepId] = match(STEP, name, "workflows/<workflow>/draft/steps/<id>");
  return { workflow: workflow!, stepId: stepId! };
}

/** `workflows/<workflow>/versions/<number>`. Throws `INVALID_NAME`. */
export function parseVersionName(name: string): { workflow: string; number: number } {
  const [, workflow, number] = match(VERSION, name, "workflows/<workflow>/versions/<number>");
  return { workflow: workflow!, number: Number(number) };
}

function match(pattern: RegExp, name: string, form: string): RegExpExecArray {
  const found = pattern.exec(name);
  if (found !== null) return found;
  const shown = JSON.stringify(name.slice(0, 120));
  throw new PlatformError("InvalidArgument", "INVALID_NAME", `${shown} is not a name of the form ${form}`);
}
