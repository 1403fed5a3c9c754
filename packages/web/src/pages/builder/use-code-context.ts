import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { stepId } from "../../api/drafts.ts";
import { idOf, variablesQuery } from "../../api/resources.ts";
import type { DraftStep, DraftTest } from "../../api/generated/types.ts";
import { optionsOf, useBuilder } from "./builder-context.ts";
import type { CodeContext } from "./completions.ts";
import { parseJson } from "./test-event.ts";

/** What a step can refer to: the chosen event, what the steps above had when they were tested, variables and its inputs. */
export function useCodeContext(step: DraftStep): CodeContext {
  const { view, event, tests } = useBuilder();
  const variables = useQuery({ ...variablesQuery, staleTime: 30_000 });
  const above = view.steps.slice(
    0,
    view.steps.findIndex((each) => each.name === step.name),
  );
  const names = above.map((each) => `${stepId(each)} ${each.displayName}`).join("\n");
  const steps = useMemo(() => {
    const trigger = {
      event: parseJson(event.json) ?? {},
      context: { id: "", workflow_id: "", deployment_id: "", ts: "" },
    };
    const known = above.map((each) => [each.displayName ?? "", valuesOf(tests.get(stepId(each)))] as const);
    return { trigger, ...Object.fromEntries(known) };
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the steps above are new objects each time, their names are not
  }, [event, tests, names]);
  const { optionsJson } = step;
  return useMemo((): CodeContext => {
    const inputs = Object.entries(optionsOf(optionsJson === undefined ? {} : { optionsJson }).inputs ?? {});
    return {
      steps,
      variables: (variables.data ?? []).map(({ name }) => idOf(name)),
      inputs: Object.fromEntries(
        inputs.map(([key, { store }]) => [key, store === undefined ? "account" : "data store"]),
      ),
    };
  }, [steps, variables.data, optionsJson]);
}

/** What `pd.steps` has of a step that was tested. */
function valuesOf(test: DraftTest | undefined): Record<string, unknown> {
  const { exportsJson = "{}", returnValueJson = "" } = test?.result ?? {};
  const exports = (parseJson(exportsJson) ?? {}) as Record<string, unknown>;
  return returnValueJson === "" ? exports : { ...exports, $return_value: parseJson(returnValueJson) };
}
