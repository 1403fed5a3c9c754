import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useEffect, useState } from "react";
import { workflowsQuery, type RunFilter } from "../../api/queries.ts";
import { Button } from "../../ui/button.tsx";
import { stateLabel } from "../../ui/run-state.tsx";

const STATES = [
  "RUN_STATE_PENDING",
  "RUN_STATE_RUNNING",
  "RUN_STATE_SUSPENDED",
  "RUN_STATE_SUCCEEDED",
  "RUN_STATE_FAILED",
  "RUN_STATE_CANCELLED",
] as const;
const PERIODS = [
  [0, "any time"],
  [900, "last 15 minutes"],
  [3_600, "last hour"],
  [86_400, "last day"],
  [604_800, "last 7 days"],
  [2_592_000, "last 30 days"],
] as const;
const TYPING_MS = 350;

export interface RunFiltersProps {
  readonly filter: RunFilter;
  readonly onChange: (filter: RunFilter) => void;
}

/** What of the runs is shown. */
export function RunFilters({ filter, onChange }: RunFiltersProps) {
  const workflows = useQuery(workflowsQuery);
  const change = (part: Partial<RunFilter>): void => onChange({ ...filter, ...part });
  const toggle = (state: string): void =>
    change({
      states: filter.states.includes(state) ? filter.states.filter((one) => one !== state) : [...filter.states, state],
    });
  const isSet = filter.workflow + filter.states.join("") + filter.text + filter.minSeconds + filter.maxSeconds !== "";
  return (
    <div className="run-filters" role="search" aria-label="Runs">
      <div className="states" role="group" aria-label="State">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            className="chip"
            aria-pressed={filter.states.includes(state)}
            onClick={() => toggle(state)}
          >
            {stateLabel(state)}
          </button>
        ))}
      </div>
      <select
        aria-label="Workflow"
        className="input"
        value={filter.workflow}
        onChange={(event) => change({ workflow: event.target.value })}
      >
        <option value="">all workflows</option>
        {workflows.data?.map(({ id, displayName }) => (
          <option key={id} value={id}>
            {displayName}
          </option>
        ))}
      </select>
      <select
        aria-label="Time"
        className="input"
        value={filter.sinceS}
        onChange={(event) => change({ sinceS: Number(event.target.value) })}
      >
        {PERIODS.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <TypedInput
        label="Text of the failure or reason"
        type="search"
        value={filter.text}
        onChange={(text) => change({ text })}
      />
      <TypedInput
        label="Seconds at least"
        type="number"
        value={filter.minSeconds}
        onChange={(minSeconds) => change({ minSeconds })}
      />
      <TypedInput
        label="Seconds at most"
        type="number"
        value={filter.maxSeconds}
        onChange={(maxSeconds) => change({ maxSeconds })}
      />
      {(isSet || filter.sinceS > 0) && (
        <Button
          kind="plain"
          icon={<X size={14} aria-hidden />}
          onClick={() => onChange({ workflow: "", states: [], text: "", sinceS: 0, minSeconds: "", maxSeconds: "" })}
        >
          Clear
        </Button>
      )}
    </div>
  );
}

interface TypedInputProps {
  readonly label: string;
  readonly type: "search" | "number";
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Tells of a change when the person has stopped typing. */
function TypedInput({ label, type, value, onChange }: TypedInputProps) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <input
      type={type}
      min={0}
      step="any"
      className="input"
      aria-label={label}
      placeholder={label}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}
