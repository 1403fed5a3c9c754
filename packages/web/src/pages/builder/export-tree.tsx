import { useMemo } from "react";
import type { DraftTest } from "../../api/generated/types.ts";
import { JsonTree } from "../../ui/json-tree-view.tsx";
import { readJson, type JsonObject } from "../../ui/json-tree.ts";
import { WholeRun } from "./whole-run.tsx";

/** What a step handed on, as a tree to copy paths from. */
export function ExportTree({ step, test }: { readonly step: string; readonly test: DraftTest | undefined }) {
  const { exportsJson = "", returnValueJson = "" } = test?.result ?? {};
  const value = useMemo((): JsonObject => {
    const exports = readJson(exportsJson || "{}") as JsonObject;
    return returnValueJson === "" ? exports : { ...exports, $return_value: readJson(returnValueJson) };
  }, [exportsJson, returnValueJson]);
  if (test === undefined) return <p className="results-none">The step still runs.</p>;
  if (Object.keys(value).length === 0) {
    return (
      <p className="results-none">
        The step returned and exported nothing, or more than fits here: then it is with the run.{" "}
        <WholeRun run={test.run} />
      </p>
    );
  }
  return <JsonTree value={value} label="Exports" path={`pd.steps[${JSON.stringify(step)}]`} />;
}
