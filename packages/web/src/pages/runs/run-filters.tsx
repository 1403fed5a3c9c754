import { useQuery } from "@tanstack/react-query";
import { ArrowRight, Search, X } from "lucide-react";
import { useEffect, useState } from "react";
import { Link, useNavigation } from "react-router";
import { workflowsQuery, type RunFilter } from "../../api/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Select } from "../../ui/select.tsx";
import { stateLabel, stateTone } from "../../ui/run-state.tsx";
import { isFiltering, NO_FILTER } from "./run-filter.ts";

const STATES = [
  "RUN_STATE_PENDING",
  "RUN_STATE_RUNNING",
  "RUN_STATE_SUSPENDED",
  "RUN_STATE_SUCCEEDED",
  "RUN_STATE_FAILED",
  "RUN_STATE_CANCELLED",
] as const;
const CUSTOM = "custom";
const PERIODS = [
  ["0", "Any time"],
  ["900", "Last 15 minutes"],
  ["3600", "Last hour"],
  ["86400", "Last day"],
  ["604800", "Last 7 days"],
  ["2592000", "Last 30 days"],
  [CUSTOM, "From … to …"],
] as const;
const TYPING_MS = 300;
const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface RunFiltersProps {
  readonly filter: RunFilter;
  readonly onChange: (filter: RunFilter) => void;
}

/** What of the runs is shown. */
export function RunFilters({ filter, onChange }: RunFiltersProps) {
  const change = (part: Partial<RunFilter>): void => onChange({ ...filter, ...part });
  const toggle = (state: string): void =>
    change({
      states: filter.states.includes(state) ? filter.states.filter((one) => one !== state) : [...filter.states, state],
    });
  return (
    <div className="run-filters" role="search" aria-label="Runs">
      <div className="filter-line">
        <TextFilter label="Failure, reason or run id" value={filter.text} onChange={(text) => change({ text })} />
        <WorkflowFilter value={filter.workflow} onChange={(workflow) => change({ workflow })} />
        <TimeFilter filter={filter} onChange={change} />
        <div className="duration-filter" role="group" aria-label="Duration">
          <span className="faint">took</span>
          <TypedInput
            label="Seconds at least"
            hint="min"
            value={filter.minSeconds}
            onChange={(minSeconds) => change({ minSeconds })}
          />
          <span className="faint">to</span>
          <TypedInput
            label="Seconds at most"
            hint="max"
            value={filter.maxSeconds}
            onChange={(maxSeconds) => change({ maxSeconds })}
          />
          <span className="faint">s</span>
        </div>
        {isFiltering(filter) && (
          <Button kind="plain" icon={<X size={14} aria-hidden />} onClick={() => onChange(NO_FILTER)}>
            Clear
          </Button>
        )}
      </div>
      <div className="states" role="group" aria-label="State">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            className={`chip ${stateTone(state)}`}
            aria-pressed={filter.states.includes(state)}
            onClick={() => toggle(state)}
          >
            <span className="dot" aria-hidden />
            {stateLabel(state)}
          </button>
        ))}
      </div>
    </div>
  );
}

/** One workflow, or all. */
export function WorkflowFilter({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (workflow: string) => void;
}) {
  const workflows = useQuery(workflowsQuery);
  const known = workflows.data?.map(({ id = "", displayName = "" }) => [id, displayName] as const) ?? [];
  // The address may name one by its display name, and one that is deleted.
  const named = workflows.data?.find(({ displayName }) => displayName === value)?.id ?? value;
  const options = named === "" || known.some(([id]) => id === named) ? known : [[named, named] as const, ...known];
  return (
    <Select aria-label="Workflow" value={named} onChange={onChange} options={[["", "All workflows"], ...options]} />
  );
}

export interface TimeFilterProps {
  readonly filter: RunFilter;
  readonly onChange: (part: Partial<RunFilter>) => void;
}

/** When runs were accepted: a while until now, or between two times. */
export function TimeFilter({ filter: { sinceS, from, to }, onChange }: TimeFilterProps) {
  const isCustom = from !== undefined || to !== undefined;
  const choose = (period: string): void => {
    if (period !== CUSTOM) onChange({ sinceS: Number(period), from: undefined, to: undefined });
    else onChange({ sinceS: 0, from: new Date(Date.now() - (sinceS || 86_400) * 1000).toISOString(), to: undefined });
  };
  const value = isCustom ? CUSTOM : String(sinceS);
  return (
    <>
      <Select aria-label="Time" value={value} onChange={choose} options={PERIODS} />
      {isCustom && (
        <span className="time-range">
          <TimeInput label="From" value={from} onChange={(time) => onChange({ from: time, sinceS: 0 })} />
          <TimeInput label="To" value={to} onChange={(time) => onChange({ to: time, sinceS: 0 })} />
        </span>
      )}
    </>
  );
}

interface TimeInputProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (time: string | undefined) => void;
}

function TimeInput({ label, value, onChange }: TimeInputProps) {
  return (
    <input
      type="datetime-local"
      step={1}
      className="input"
      aria-label={label}
      value={value === undefined ? "" : localTime(value)}
      onChange={({ target }) => {
        const at = new Date(target.value);
        onChange(Number.isNaN(at.getTime()) ? undefined : at.toISOString());
      }}
    />
  );
}

/** A time as such inputs have it: of this place, without a zone. */
function localTime(time: string): string {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

interface TextFilterProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A text to look for; the id of a run leads to it. */
export function TextFilter({ label, value, onChange }: TextFilterProps) {
  const [typed, setTyped] = useTyped(value, onChange);
  return (
    <span className="text-filter">
      <Search size={14} aria-hidden />
      <input
        type="search"
        className="input"
        aria-label={label}
        placeholder={label}
        maxLength={200}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      {RUN_ID.test(typed.trim()) && (
        <Link className="open-run" to={`/runs/${typed.trim().toLowerCase()}`}>
          Open this run <ArrowRight size={13} aria-hidden />
        </Link>
      )}
    </span>
  );
}

interface TypedInputProps {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function TypedInput({ label, hint, value, onChange }: TypedInputProps) {
  const [typed, setTyped] = useTyped(value, onChange);
  return (
    <input
      type="number"
      min={0}
      step="any"
      className="input"
      aria-label={label}
      placeholder={hint}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}

/** What is being typed; told when the person has stopped. */
function useTyped(value: string, onChange: (value: string) => void) {
  const [typed, setTyped] = useState(value);
  // Whoever has gone on to another page meanwhile is not called back to this one.
  const isLeaving = useNavigation().state !== "idle";
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value || isLeaving || RUN_ID.test(typed.trim())) return;
    const timer = setTimeout(() => onChange(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onChange, isLeaving]);
  return [typed, setTyped] as const;
}
