import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { logQuery } from "../../api/queries.ts";
import type { DraftStep, DraftTest, LogEntry, LogStream, RunFailure } from "../../api/generated/types.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { stepId } from "../../api/drafts.ts";
import { useBuilder } from "./builder-context.ts";
import type { LiveTest } from "./test-desk.ts";

const LINE_PX = 20;
const NEAR_END_PX = 40;
const NONE: readonly LogEntry[] = [];

const STREAMS: Readonly<Record<LogStream, string>> = {
  LOG_STREAM_UNSPECIFIED: "",
  LOG_STREAM_STDOUT: "out",
  LOG_STREAM_STDERR: "err",
  LOG_STREAM_ERROR: "error",
  LOG_STREAM_SYSTEM: "system",
};

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
        <Lines entries={shown} live={live} />
      )}
    </div>
  );
}

function Lines({ entries, live }: { readonly entries: readonly LogEntry[]; readonly live: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const lines = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => LINE_PX * (entries[index]!.text?.split("\n").length ?? 1),
    overscan: 30,
  });
  useEffect(() => {
    if (live && following.current) lines.scrollToIndex(entries.length - 1, { align: "end" });
  }, [live, entries.length, lines]);
  const onScroll = (): void => {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!;
    following.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  };
  return (
    <div
      ref={scroller}
      className="result-lines"
      onScroll={onScroll}
      role="log"
      aria-label="Log"
      aria-live="off"
      tabIndex={0}
    >
      <div style={{ height: lines.getTotalSize(), position: "relative" }}>
        {lines.getVirtualItems().map(({ index, key, start }) => {
          const { time = "", stream = "LOG_STREAM_UNSPECIFIED", text } = entries[index]!;
          const kind = STREAMS[stream];
          return (
            <div
              key={key}
              ref={lines.measureElement}
              data-index={index}
              className={`result-line ${kind}`}
              style={{ transform: `translateY(${start}px)` }}
            >
              <time dateTime={time}>{time.slice(11, 23)}</time>
              <span className="result-kind">{kind}</span>
              <span className="result-text">{text}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
