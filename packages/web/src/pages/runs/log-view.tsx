import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, Search } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { LogEntry, LogStream, Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { isOver } from "../../ui/run-state.tsx";
import { useRunLog } from "./use-run-log.ts";

const LINE_PX = 20;
const NEAR_END_PX = 40;

const STREAMS: Readonly<Record<LogStream, string>> = {
  LOG_STREAM_UNSPECIFIED: "",
  LOG_STREAM_STDOUT: "out",
  LOG_STREAM_STDERR: "err",
  LOG_STREAM_ERROR: "error",
  LOG_STREAM_SYSTEM: "system",
};

/** What a run has printed, as it prints it. */
export function LogView({ run }: { readonly run: Run }) {
  const { entries, error, live } = useRunLog(run.id!, isOver(run.state));
  const [text, setText] = useState("");
  const shown = useMemo(() => matching(entries, text), [entries, text]);
  return (
    <section className="card log" aria-labelledby="log-heading">
      <header>
        <h2 id="log-heading">Log</h2>
        {live && <span className="badge info">live</span>}
        <div className="log-search">
          <Search size={14} aria-hidden />
          <input
            type="search"
            aria-label="Search the log"
            placeholder={`Search ${entries.length} lines`}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      </header>
      {error !== undefined && <ErrorNote error={error} />}
      {shown.length === 0 ? (
        <p className="nothing muted">{entries.length === 0 ? "Nothing was printed." : `No line has “${text}”.`}</p>
      ) : (
        <LogLines entries={shown} live={live} />
      )}
    </section>
  );
}

function matching(entries: readonly LogEntry[], text: string): readonly LogEntry[] {
  const wanted = text.toLowerCase();
  return wanted === "" ? entries : entries.filter((entry) => (entry.text ?? "").toLowerCase().includes(wanted));
}

function LogLines({ entries, live }: { readonly entries: readonly LogEntry[]; readonly live: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const lines = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => LINE_PX * (1 + (entries[index]!.text?.split("\n").length ?? 1) - 1),
    overscan: 40,
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
      <div ref={scroller} className="log-lines" onScroll={onScroll} role="log" aria-live="off" tabIndex={0}>
        <div style={{ height: lines.getTotalSize(), position: "relative" }}>
          {lines.getVirtualItems().map(({ index, key, start }) => (
            <LogLine key={key} entry={entries[index]!} top={start} measure={lines.measureElement} index={index} />
          ))}
        </div>
      </div>
      {live && !following && (
        <Button className="to-end" icon={<ArrowDown size={14} aria-hidden />} onClick={() => setFollowing(true)}>
          Newest
        </Button>
      )}
    </div>
  );
}

interface LogLineProps {
  readonly entry: LogEntry;
  readonly top: number;
  readonly index: number;
  readonly measure: (node: Element | null) => void;
}

function LogLine({ entry: { time = "", stream, step = "", text }, top, index, measure }: LogLineProps) {
  const kind = STREAMS[stream ?? "LOG_STREAM_UNSPECIFIED"];
  return (
    <div ref={measure} data-index={index} className={`log-line ${kind}`} style={{ transform: `translateY(${top}px)` }}>
      <time dateTime={time}>{time.slice(11, 23)}</time>
      <span className="log-step truncate" title={step}>
        {step}
      </span>
      <span className="log-kind">{kind}</span>
      <span className="log-text">{text}</span>
    </div>
  );
}
