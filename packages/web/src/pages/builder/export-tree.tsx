import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { runQuery } from "../../api/queries.ts";
import type { DraftTest, Run } from "../../api/generated/types.ts";
import { JsonTree } from "../../ui/json-tree-view.tsx";
import { readJson, type JsonObject } from "../../ui/json-tree.ts";
import { RunValue } from "../runs/run-value.tsx";

const KINDS = [
  ["RUN_VALUE_KIND_EXPORTS", "Exports", ""],
  ["RUN_VALUE_KIND_RETURN_VALUE", "Return value", '["$return_value"]'],
] as const;

/** What a step handed on, as a tree to copy paths from. */
export function ExportTree({ step, test }: { readonly step: string; readonly test: DraftTest | undefined }) {
  const { exportsJson = "{}", returnValueJson = "", path = "" } = test?.result ?? {};
  const value = useMemo((): JsonObject => {
    const exports = readJson(exportsJson) as JsonObject;
    return returnValueJson === "" ? exports : { ...exports, $return_value: readJson(returnValueJson) };
  }, [exportsJson, returnValueJson]);
  const large = useLargeValues(test, exportsJson === "{}" || returnValueJson === "");
  if (test === undefined) return <p className="results-none">The step still runs.</p>;
  const pythonPath = `pd.steps[${JSON.stringify(step)}]`;
  const kinds = KINDS.filter(([kind]) =>
    large?.largeValues?.some((each) => each.kind === kind && (each.path ?? "") === path),
  );
  const isEmpty = Object.keys(value).length === 0;
  return (
    <>
      {kinds.map(([kind, label, inner]) => (
        <div key={kind} className="large-export">
          <h3>{label}</h3>
          <RunValue run={large!} kind={kind} path={path} json="" label={label} pythonPath={pythonPath + inner} />
        </div>
      ))}
      {isEmpty && kinds.length === 0 && <p className="results-none">The step returned and exported nothing.</p>}
      {!isEmpty && <JsonTree value={value} label="Exports" path={pythonPath} />}
    </>
  );
}

/** The run of a test, when something of it may be too large for the test's own result. */
function useLargeValues(test: DraftTest | undefined, mayBe: boolean): Run | undefined {
  const { run = "" } = test ?? {};
  const query = useQuery({
    ...runQuery(run.slice(run.lastIndexOf("/") + 1)),
    enabled: mayBe && run !== "",
    staleTime: Number.POSITIVE_INFINITY,
  });
  return mayBe ? query.data : undefined;
}
