import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { newestRunsQuery } from "../../api/queries.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { NO_FILTER } from "./run-filter.ts";
import { reasonOf, RunDuration, shortId } from "./run-table.tsx";

const OFFERED = 30;

export interface RunPickerProps {
  /** Id of the workflow whose runs are offered; empty for all. */
  readonly workflow: string;
  /** Id of a run that is not offered. */
  readonly without: string;
  readonly onChoose: (id: string) => void;
}

/** Chooses a run: one of the newest, or any by its id. */
export function RunPicker({ workflow, without, onChoose }: RunPickerProps) {
  const [typed, setTyped] = useState("");
  const runs = useQuery(newestRunsQuery({ ...NO_FILTER, workflow }, OFFERED));
  const offered = runs.data?.runs?.filter(({ id }) => id !== without);
  return (
    <div className="run-picker">
      <form
        className="picker-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() !== "") onChoose(typed.trim().toLowerCase());
        }}
      >
        <input
          className="input mono"
          aria-label="Run id"
          placeholder="Run id"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Button type="submit" disabled={typed.trim() === ""}>
          Choose
        </Button>
      </form>
      {runs.isPending && <Skeleton rows={4} label="Loading runs" />}
      {runs.isError && <ErrorNote error={runs.error} onRetry={() => void runs.refetch()} />}
      <ul>
        {offered?.map((run) => (
          <li key={run.id}>
            <button type="button" onClick={() => onChoose(run.id!)}>
              <StateBadge state={run.state} />
              <span className="mono">{shortId(run.id)}</span>
              <span className="truncate">{workflow === "" ? run.workflowDisplayName : reasonOf(run)}</span>
              <span className="muted">
                <Ago time={run.createTime} />
              </span>
              <span className="mono">
                <RunDuration run={run} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
