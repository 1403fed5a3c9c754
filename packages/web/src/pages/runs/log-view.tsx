import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, Download, Search } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { logDownloadUrl } from "../../api/run-calls.ts";
import type { LogEntry, LogStream, Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { isOver } from "../../ui/run-state.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useRunLog, type LogFilter, type RunLog } from "./use-run-log.ts";
import "./log-view.css";

const LINE_PX = 20;
const NEAR_END_PX = 40;
/** Further lines are read when so many are left. */
const AHEAD_LINES = 500;
const TYPING_MS = 250;

const KINDS: Readonly<Record<LogStream, string>> = {
  LOG_STREAM_UNSPECIFIED: "",
  LOG_STREAM_STDOUT: "out",
  LOG_STREAM_STDERR: "err",
  LOG_STREAM_ERROR: "error",
  LOG_STREAM_SYSTEM: "system",
};
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
        <LogLines log={log} text={filter.text} />
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

function LogLines({
  log: { entries, live, hasMore, loadMore },
  text,
}: {
  readonly log: RunLog;
  readonly text: string;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const lines = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: 60,
    getItemKey: (index) => `${entries[index]!.assignment}.${entries[index]!.sequence}.${entries[index]!.lostLines}`,
  });
  const items = lines.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= entries.length - AHEAD_LINES) loadMore();
  });
  useEffect(() => {
    if (live && following && entries.length > 0) lines.scrollToIndex(entries.length - 1, { align: "end" });
  }, [live, following, entries.length, lines]);
  const onScroll = (): void => {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!;
    setFollowing(scrollHeight - scrollTop - clientHeight < NEAR_END_PX);
  };
  return (
    <div className="log-frame">
      <div
        ref={scroller}
        className="log-lines"
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label="Lines"
        tabIndex={0}
      >
        <div style={{ height: lines.getTotalSize(), position: "relative" }}>
          {items.map(({ index, key, start }) => (
            <LogLine
              key={key}
              entry={entries[index]!}
              top={start}
              measure={lines.measureElement}
              index={index}
              text={text}
            />
          ))}
        </div>
      </div>
      {live && !following && (
        <Button className="to-end" icon={<ArrowDown size={14} aria-hidden />} onClick={() => setFollowing(true)}>
          Follow
        </Button>
      )}
    </div>
  );
}

interface LogLineProps {
  readonly entry: LogEntry;
  readonly top: number;
  readonly index: number;
  /** What is looked for: marked where it stands. */
  readonly text: string;
  readonly measure: (node: Element | null) => void;
}

function LogLine({ entry, top, index, text: wanted, measure }: LogLineProps) {
  const { time = "", stream, step = "", text = "" } = entry;
  const kind = KINDS[stream ?? "LOG_STREAM_UNSPECIFIED"];
  const marked = useMemo(() => withMarks(text, wanted), [text, wanted]);
  return (
    <div ref={measure} data-index={index} className={`log-line ${kind}`} style={{ transform: `translateY(${top}px)` }}>
      <time dateTime={time} title={time}>
        {clock(time)}
      </time>
      <span className="log-step truncate" title={step}>
        {step}
      </span>
      <span className="log-kind">{kind}</span>
      <span className="log-text">{marked}</span>
    </div>
  );
}

/** The time of day here, to the millisecond. */
function clock(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime())
    ? ""
    : `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function withMarks(text: string, wanted: string) {
  if (wanted === "") return text;
  const [lower, search] = [text.toLowerCase(), wanted.toLowerCase()];
  // Where lower case has another length, places in the one are none in the other.
  if (lower.length !== text.length) return text;
  const parts = [];
  let from = 0;
  for (let at = lower.indexOf(search); at >= 0; at = lower.indexOf(search, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + search.length)}</mark>);
    from = at + search.length;
  }
  return [...parts, text.slice(from)];
}
