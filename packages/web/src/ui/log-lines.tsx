import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { LogEntry, LogStream } from "../api/generated/types.ts";
import { Button } from "./button.tsx";
import "./log-lines.css";

const LINE_PX = 20;
const NEAR_END_PX = 40;
/** Further lines are read when so many are left. */
const AHEAD_LINES = 500;

const KINDS: Readonly<Record<LogStream, string>> = {
  LOG_STREAM_UNSPECIFIED: "",
  LOG_STREAM_STDOUT: "out",
  LOG_STREAM_STDERR: "err",
  LOG_STREAM_ERROR: "error",
  LOG_STREAM_SYSTEM: "system",
};

export interface LogLinesProps {
  readonly label: string;
  readonly entries: readonly LogEntry[];
  /** Lines still come: the end is followed until somebody scrolls away from it. */
  readonly live: boolean;
  /** What is looked for: marked where it stands. */
  readonly text: string;
  /** The lines are of one step. */
  readonly plain?: boolean;
  readonly hasMore?: boolean;
  readonly loadMore?: () => void;
}

/** Lines of a log, however many: only those that can be seen are drawn. */
export function LogLines({ label, entries, live, text, plain = false, hasMore = false, loadMore }: LogLinesProps) {
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
    if (hasMore && last >= entries.length - AHEAD_LINES) loadMore?.();
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
        className={plain ? "log-lines plain" : "log-lines"}
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label={label}
        tabIndex={0}
      >
        <div style={{ height: lines.getTotalSize(), position: "relative" }}>
          {items.map(({ index, key, start }) => (
            <LogLine
              key={key}
              entry={entries[index]!}
              top={start}
              measure={lines.measureElement}
              {...{ index, text, plain }}
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
  readonly text: string;
  readonly plain: boolean;
  readonly measure: (node: Element | null) => void;
}

function LogLine({ entry, top, index, text: wanted, plain, measure }: LogLineProps) {
  const { time = "", stream, step = "", text = "" } = entry;
  const kind = KINDS[stream ?? "LOG_STREAM_UNSPECIFIED"];
  const marked = useMemo(() => withMarks(text, wanted), [text, wanted]);
  return (
    <div ref={measure} data-index={index} className={`log-line ${kind}`} style={{ transform: `translateY(${top}px)` }}>
      <time dateTime={time} title={time}>
        {clock(time)}
      </time>
      {!plain && (
        <span className="log-step truncate" title={step}>
          {step}
        </span>
      )}
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
