import { useCallback, useRef, useState } from "react";
import { settleDeadLetters } from "../../api/dead-letters.ts";
import type { RunFilter } from "../../api/queries.ts";

/** How far the settling of all that match is. */
export interface SettleProgress {
  readonly action: "replay" | "discard";
  readonly settled: number;
  /** How many stay on the list, by the reason why. */
  readonly refused: Readonly<Record<string, number>>;
  /** Why it ended before its end; empty for none. */
  readonly stoppedReason: string;
  readonly running: boolean;
  readonly error: unknown;
}

export interface SettleAll {
  readonly progress: SettleProgress | undefined;
  readonly start: (action: SettleProgress["action"], filter: RunFilter) => Promise<void>;
  readonly stop: () => void;
  readonly dismiss: () => void;
}

/** Replays or discards all dead letters that match, page by page, until the last one or until it is stopped. */
export function useSettleAll(): SettleAll {
  const [progress, setProgress] = useState<SettleProgress>();
  const stopped = useRef(false);
  const start = useCallback<SettleAll["start"]>(async (action, filter) => {
    stopped.current = false;
    // Those that fail while this goes on, replays among them, are not meant.
    const until = filter.to ?? new Date().toISOString();
    const none = { action, settled: 0, refused: {}, stoppedReason: "", running: true, error: undefined };
    setProgress(none);
    let pageToken = "";
    try {
      do {
        const page = await settleDeadLetters(action, { ...filter, to: until }, pageToken);
        const { settled = [], stoppedReason = "" } = page;
        setProgress((before = none) => {
          const refused: Record<string, number> = { ...before.refused };
          for (const { refusedReason = "" } of settled) {
            if (refusedReason !== "") refused[refusedReason] = (refused[refusedReason] ?? 0) + 1;
          }
          const done = settled.filter(({ refusedReason = "" }) => refusedReason === "").length;
          return { ...before, settled: before.settled + done, refused, stoppedReason };
        });
        pageToken = stoppedReason === "" ? (page.nextPageToken ?? "") : "";
      } while (pageToken !== "" && !stopped.current);
      setProgress((before) => before && { ...before, running: false });
    } catch (error) {
      setProgress((before) => before && { ...before, running: false, error });
    }
  }, []);
  const stop = useCallback(() => (stopped.current = true), []);
  const dismiss = useCallback(() => setProgress(undefined), []);
  return { progress, start, stop, dismiss };
}
