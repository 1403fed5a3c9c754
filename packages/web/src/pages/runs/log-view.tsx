import { Download, Search } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { logDownloadUrl } from "../../api/run-calls.ts";
import type { Run } from "../../api/generated/types.ts";
import { LogLines } from "../../ui/log-lines.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { isOver } from "../../ui/run-state.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useRunLog, type LogFilter, type RunLog } from "./use-run-log.ts";
import "./log-view.css";

const TYPING_MS = 250;

const STREAMS = [
  ["LOG_STREAM_UNSPECIFIED", "All streams"],
  ["LOG_STREAM_STDOUT", "Output"],
  ["LOG_STREAM_STDERR", "Errors and logging"],
  ["LOG_STREAM_ERROR", "The failure"],
  ["LOG_STREAM_SYSTEM", "The platform"],
] as const;
const NO_FILTER: LogFilter = { text: "", stream: "LOG_STREAM_UNSPECIFIED", step: "" };

/** What a run has printed, as it prints it. */
export function LogView({ run }: { readonly run: Run }) {
  const [filter, setFilter] = useState(NO_FILTER);
  const log = useRunLog(run.id!, isOver(run.state), useDeferredValue(filter));
  const isFiltering = filter.text !== "" || filter.stream !== "LOG_STREAM_UNSPECIFIED" || filter.step !== "";
  return (
    <section className="card log" aria-labelledby="log-heading">
      <header>
        <h2 id="log-heading">Log</h2>
        {log.live && <span className="badge info">live</span>}
        <span className="faint log-count" role="status">
          {countOf(log, isFiltering)}
        </span>
        <a
          className="button icon plain"
          href={logDownloadUrl(run.id!)}
          download={`run-${run.id}.log`}
          aria-label="Download the log"
          title="Download the log"
        >
          <Download size={15} aria-hidden />
        </a>
      </header>
      <LogFilters run={run} filter={filter} onChange={setFilter} />
      {log.error !== undefined && <ErrorNote error={log.error} />}
      {log.loading ? (
        <Skeleton rows={8} label="Reading the log" />
      ) : log.entries.length === 0 ? (
        <p className="nothing muted">{isFiltering ? "No line matches." : "Nothing was printed."}</p>
      ) : (
        <LogLines label="Lines" {...log} text={filter.text} />
      )}
    </section>
  );
}

function countOf({ entries, hasMore, cut }: RunLog, isFiltering: boolean): string {
  const count = `${entries.length.toLocaleString("en")}${hasMore ? "+" : ""} ${entries.length === 1 ? "line" : "lines"}`;
  if (cut) return `the last ${count}`;
  return isFiltering ? `${count} found` : count;
}

interface LogFiltersProps {
  readonly run: Run;
  readonly filter: LogFilter;
  readonly onChange: (change: (before: LogFilter) => LogFilter) => void;
}

function LogFilters({ run: { steps = [] }, filter, onChange }: LogFiltersProps) {
  const [typed, setTyped] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => onChange((before) => ({ ...before, text: typed })), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, onChange]);
  return (
    <div className="log-filters">
      <div className="log-search">
        <Search size={14} aria-hidden />
        <input
          type="search"
          aria-label="Search the log"
          placeholder="Search the log"
          maxLength={200}
          spellCheck={false}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <Select
        aria-label="Stream"
        value={filter.stream}
        onChange={(stream) => onChange((before) => ({ ...before, stream }))}
        options={STREAMS}
      />
      {steps.length > 1 && (
        <Select
          aria-label="Step"
          value={filter.step}
          onChange={(step) => onChange((before) => ({ ...before, step }))}
          options={[["", "All steps"], ...steps.map(({ name = "" }) => [name, name] as const)]}
        />
      )}
    </div>
  );
}
