import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { newestRunsQuery, type RunFilter } from "../../api/queries.ts";
import { stateLabel, stateTone } from "../../ui/run-state.tsx";

const RUNS = 20;

/** No filter but the workflow. */
export function allRunsOf(workflow: string): RunFilter {
  return { workflow, states: [], text: "", sinceS: 0, minSeconds: "", maxSeconds: "" };
}

/** How the last runs of a workflow went, the newest to the right. Asks once it can be seen. */
export function RunStrip({ workflow }: { readonly workflow: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true),
    );
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  const runs = useQuery({
    ...newestRunsQuery(allRunsOf(workflow), RUNS),
    enabled: seen,
    refetchInterval: seen && 10_000,
  });
  const states = (runs.data?.runs ?? []).map(({ state }) => state).reverse();
  const failed = states.filter((state) => state === "RUN_STATE_FAILED").length;
  const text = states.length === 0 ? "no runs" : `${failed} of the last ${states.length} runs failed`;
  return (
    <span ref={place} className="strip" role="img" aria-label={runs.isSuccess ? text : "loading"} title={text}>
      {runs.isSuccess && states.length === 0 && <span className="faint">none</span>}
      {states.map((state, index) => (
        <span key={index} className={`tick ${stateTone(state)}`} title={stateLabel(state)} />
      ))}
    </span>
  );
}
