import { STEP_INPUT_KINDS, type Use } from "@millrace/core";
import type { DraftBody } from "@millrace/store";

/** What the steps of a draft have as inputs; what is not finished is left out. */
export function inputUsesOf({ steps }: Pick<DraftBody, "steps">): Use[] {
  return steps.flatMap(({ name: step, file, options }) =>
    Object.values(fieldsOf(options["inputs"])).flatMap((input) => {
      const fields = fieldsOf(input);
      return STEP_INPUT_KINDS.flatMap((kind) => {
        const name = fields[kind];
        return typeof name === "string" && name !== "" ? [{ kind, name, step, file, line: 0 }] : [];
      });
    }),
  );
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
