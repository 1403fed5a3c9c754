import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { logQuery } from "../../api/queries.ts";
import type { DraftStep, DraftTest, LogEntry, RunFailure } from "../../api/generated/types.ts";
import { LogLines } from "../../ui/log-lines.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { stepId } from "../../api/drafts.ts";
import { useBuilder } from "./builder-context.ts";
import type { LiveTest } from "./test-desk.ts";

const NONE: readonly LogEntry[] = [];

/** The lines of a step's newest test: as they come while it runs here, from history afterwards. */
export function useResultLog(step: DraftStep, live: LiveTest | undefined, test: DraftTest | undefined) {
  const run = test?.run ?? "";
  const isLive = live !== undefined && (live.running || live.run === run || live.error !== undefined);
  const history = useQuery({ ...logQuery(run.slice(run.lastIndexOf("/") + 1)), enabled: !isLive && run !== "" });
  const all = isLive ? live.entries : (history.data ?? NONE);
  const names = [step.displayName, isLive ? undefined : test?.result?.name].join("\n");
  const entries = useMemo(() => {
    // A test of all steps has the lines of all.
    const own = new Set(["", ...names.split("\n")]);
    return all.filter((entry) => own.has(entry.step ?? ""));
  }, [all, names]);
  return { entries, error: history.error };
}

export interface ResultLogProps {
  readonly entries: readonly LogEntry[];
  readonly error: unknown;
  readonly live: boolean;
  readonly failure: RunFailure | undefined;
  readonly step: DraftStep;
}

/** What a step has printed, with the exception that ended it. */
export function ResultLog({ entries, error, live, failure, step }: ResultLogProps) {
  const { select } = useBuilder();
  const [text, setText] = useState("");
  const wanted = text.toLowerCase();
  const shown = wanted === "" ? entries : entries.filter((entry) => (entry.text ?? "").toLowerCase().includes(wanted));
  const line = failure?.line ?? 0;
  return (
    <div className="result-log">
      <div className="result-log-head">
        <SearchField label="Search the log" value={text} onChange={setText} />
        {line > 0 && (
          <button type="button" className="to-line" onClick={() => select(stepId(step), line)}>
            {failure?.type} at line {line}
          </button>
        )}
      </div>
      {error != null && <ErrorNote error={error} />}
      {shown.length === 0 ? (
        <p className="results-none">
          {entries.length === 0 ? (live ? "Nothing yet." : "Nothing was printed.") : `No line has “${text}”.`}
        </p>
      ) : (
        <LogLines label="Log" entries={shown} live={live} text={text} plain />
      )}
    </div>
  );
}
