import type { STEP_INPUT_KINDS, StepDefinition } from "./workflow-definition.ts";

/** Kinds of things of a project that a workflow can use. */
export type UseKind = "variable" | (typeof STEP_INPUT_KINDS)[number];

/** A place in a workflow that uses something of its project. */
export interface Use {
  readonly kind: UseKind;
  readonly name: string;
  /** Name of the step; empty for a module beside the steps. */
  readonly step: string;
  readonly file: string;
  /** From 1; 0 for an input. */
  readonly line: number;
}

/** Where a source reads an environment variable. */
export interface VariableRead {
  readonly name: string;
  readonly fileName: string;
  readonly line: number;
}

/** What the steps of a workflow have as inputs. */
export function findInputUses(steps: readonly StepDefinition[]): Use[] {
  return steps.flatMap(({ name: step, python: file, inputs }) =>
    inputs.map(({ kind, target }) => ({ kind, name: target, step, file, line: 0 })),
  );
}

/** Which step reads which variable: what the check of the sources has found, with the names of the steps. */
export function findVariableUses(steps: readonly StepDefinition[], reads: readonly VariableRead[]): Use[] {
  const stepsOf = Map.groupBy(steps, ({ python }) => python);
  return reads.flatMap(({ name, fileName: file, line }) => {
    const names = stepsOf.get(file)?.map((step) => step.name) ?? [""];
    return names.map((step) => ({ kind: "variable" as const, name, step, file, line }));
  });
}
