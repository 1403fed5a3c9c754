import { useQuery } from "@tanstack/react-query";
import { activityQuery } from "../../api/drafts.ts";
import { Ago, formatDuration } from "../../ui/time.tsx";

const EVERY_MS = 10_000;
const STRIP_RUNS = 20;
const HEIGHT_PX = { least: 5, most: 20 } as const;

/** Only rows that are drawn ask, and they ask together. */
function useActivity(id: string) {
  return useQuery({ ...activityQuery(id), refetchInterval: EVERY_MS, staleTime: EVERY_MS / 2 }).data;
}

/** A length of time of the API in milliseconds: `1.5s` is 1500. */
function milliseconds(duration: string | undefined): number | undefined {
  return duration === undefined || duration === "" ? undefined : Number(duration.replace(/s$/, "")) * 1000;
}

const TONES: Readonly<Record<string, string>> = { SUCCEEDED: "good", FAILED: "bad", CANCELLED: "" };

/** How the last runs went, the newest to the right; the longer one took, the higher it stands. */
export function ActivityStrip({ id }: { readonly id: string }) {
  const activity = useActivity(id);
  if (activity == null) return <span className="faint">…</span>;
  const runs = [...(activity.recentRuns ?? [])].slice(0, STRIP_RUNS).reverse();
  if (runs.length === 0) return <span className="faint">none yet</span>;
  const took = runs.map(({ duration }) => milliseconds(duration) ?? 0);
  const longest = Math.max(1, ...took);
  const failed = runs.filter(({ state }) => state === "FAILED").length;
  const text = `${failed} of the last ${runs.length} runs failed`;
  return (
    <span className="strip" role="img" aria-label={text} title={text}>
      {runs.map(({ run, state = "" }, index) => (
        <span
          key={run}
          className={`tick ${TONES[state] ?? ""}`}
          style={{ height: HEIGHT_PX.least + (HEIGHT_PX.most - HEIGHT_PX.least) * (took[index]! / longest) }}
        />
      ))}
    </span>
  );
}

/** Which part of the newest runs failed. */
export function ActivityFailures({ id }: { readonly id: string }) {
  const { failedCount = 0, sampleCount = 0 } = useActivity(id) ?? {};
  if (sampleCount === 0) return <span className="faint">–</span>;
  const share = (failedCount / sampleCount) * 100;
  const text = share > 0 && share < 1 ? "<1 %" : `${Math.round(share)} %`;
  const title = `${failedCount} of the last ${sampleCount} runs`;
  return (
    <span className={failedCount > 0 ? "mono failing" : "mono faint"} title={title}>
      {text}
    </span>
  );
}

/** How long half of the newest runs, and 95 % of them, took at most. */
export function ActivityDurations({ id }: { readonly id: string }) {
  const { p50Duration, p95Duration } = useActivity(id) ?? {};
  const [p50, p95] = [milliseconds(p50Duration), milliseconds(p95Duration)];
  if (p50 === undefined || p95 === undefined) return <span className="faint">–</span>;
  return (
    <span className="mono">
      {formatDuration(p50)} <span className="faint">/ {formatDuration(p95)}</span>
    </span>
  );
}

/** When the newest run was accepted. */
export function ActivityLast({ id }: { readonly id: string }) {
  const activity = useActivity(id);
  return (
    <span className="muted">
      <Ago time={activity?.lastRunTime ?? undefined} />
    </span>
  );
}
