import type { Version } from "../../api/generated/types.ts";

interface StepDefinition {
  readonly name?: string;
  readonly python?: string;
  readonly inputs?: unknown;
}

function stepOf({ definitionJson = "{}" }: Version, step: string): StepDefinition | undefined {
  const { steps = [] } = JSON.parse(definitionJson) as { steps?: readonly StepDefinition[] };
  return steps.find(({ name }) => name === step);
}

/** What a version gives a step, as JSON; undefined for nothing. */
export function inputsOfStep(version: Version, step: string): string | undefined {
  const inputs = stepOf(version, step)?.inputs;
  const isNothing = inputs === undefined || inputs === null || Object.keys(inputs).length === 0;
  return isNothing ? undefined : JSON.stringify(inputs);
}

/** The file that a version has a step's code in. */
export function fileOfStep(version: Version, step: string): string {
  return stepOf(version, step)?.python ?? "";
}
