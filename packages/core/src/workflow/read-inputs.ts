import { describe, FieldReader, type DefinitionProblem, type TextRule } from "./field-reader.ts";
import {
  STEP_INPUT_KINDS,
  WORKFLOW_BOUNDS as BOUNDS,
  WORKFLOW_PATTERNS as PATTERNS,
  type StepInput,
} from "./workflow-definition.ts";

const INPUT_NAME = new RegExp(PATTERNS.inputName, "u");
const TARGET: TextRule = {
  pattern: new RegExp(PATTERNS.inputTarget, "u"),
  lengthMax: BOUNDS.inputTargetLength,
  expected: "a name of letters, digits, dots, underscores and hyphens that starts with a letter or digit",
};

/** Reads a step's `inputs`: `{data_store: {store: crm}, slack: {account: my-team}}`. */
export function readInputs(step: FieldReader, problems: DefinitionProblem[]): StepInput[] {
  const value = step.value("inputs");
  if (value === undefined) return [];
  const fields = FieldReader.open(value, step.pathOf("inputs"), problems);
  if (fields === undefined) return [];
  const names = Object.keys(value as object);
  if (names.length > BOUNDS.inputs) step.problem("inputs", `more than ${BOUNDS.inputs}`);
  return names.slice(0, BOUNDS.inputs).flatMap((name) => readInput(fields, name, problems) ?? []);
}

function readInput(inputs: FieldReader, name: string, problems: DefinitionProblem[]): StepInput | undefined {
  if (!INPUT_NAME.test(name)) {
    inputs.problem(
      "",
      `${describe(name)} is not a name of letters, digits and underscores, no digit first, at most 64`,
    );
    return undefined;
  }
  const fields = FieldReader.open(inputs.value(name), inputs.pathOf(name), problems);
  if (fields === undefined) return undefined;
  const kinds = STEP_INPUT_KINDS.filter((kind) => fields.value(kind) !== undefined);
  const [kind] = kinds;
  if (kinds.length !== 1 || kind === undefined) fields.problem("", `expected one of ${STEP_INPUT_KINDS.join(", ")}`);
  const target = kind === undefined ? "" : fields.text(kind, TARGET);
  fields.finish();
  return kind && { name, kind, target };
}
