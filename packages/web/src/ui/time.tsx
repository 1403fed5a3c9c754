import { useSyncExternalStore } from "react";

const TICK_MS = 1_000;
const SKEW_S = 2;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, moving on once a second for all who look. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** How long ago something was, with the exact time when pointed at. */
export function Ago({ time }: { readonly time: string | undefined }) {
  const current = useNow();
  if (time === undefined) return <span className="faint">never</span>;
  const at = new Date(time);
  const exact = Math.round((at.getTime() - Math.max(current, Date.now() - TICK_MS)) / 1000);
  // What has just happened is not yet to come, whatever the clocks of two computers say.
  const seconds = exact > 0 && exact <= SKEW_S ? 0 : exact;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS[3];
  return (
    <time dateTime={time} title={absolute.format(at)}>
      {relative.format(Math.trunc(seconds / size), unit)}
    </time>
  );
}

/** A length of time as people say it: `12 ms`, `3.4 s`, `2 min 5 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return "<1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 1_440 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${(minutes / 1_440).toFixed(1)} days`;
}

/** From one time to another, or until now; undefined when it has not begun. */
export function durationMs(start: string | undefined, end: string | undefined, current: number): number | undefined {
  if (start === undefined) return undefined;
  return Math.max(0, (end === undefined ? current : Date.parse(end)) - Date.parse(start));
}
