import { useQuery } from "@tanstack/react-query";
import { ZoomIn, ZoomOut } from "lucide-react";
import { useCallback, useMemo } from "react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { poolsQuery } from "../../api/resources.ts";
import { seriesQuery, type SeriesFilter } from "../../api/series.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { WorkflowFilter } from "../runs/run-filters.tsx";
import { RANGES, readDashboard, writeDashboard, zoomed } from "./dashboard-filter.ts";
import { DashboardCharts } from "./dashboard-charts.tsx";
import { Totals } from "./totals.tsx";
import "./dashboard-page.css";

/** How the house did, from the last hour to 30 days. */
export function DashboardPage() {
  const [parameters, setParameters] = useSearchParams();
  const filter = useMemo(() => readDashboard(parameters), [parameters]);
  const series = useQuery(seriesQuery(filter));
  const change = useCallback(
    (part: Partial<SeriesFilter>): void =>
      setParameters((before) => writeDashboard({ ...readDashboard(before), ...part }), { replace: true }),
    [setParameters],
  );
  // A zoom is a step that "back" takes back.
  const zoom = useCallback(
    (fromS: number, toS: number): void =>
      setParameters((before) => writeDashboard(zoomed(readDashboard(before), fromS, toS, Date.now() / 1000))),
    [setParameters],
  );
  return (
    <Page title="Dashboard" actions={<Ranges filter={filter} onChange={change} onZoom={zoom} />}>
      <div className="filter-line dashboard-filters" role="search" aria-label="Dashboard">
        <WorkflowFilter value={filter.workflow} onChange={(workflow) => change({ workflow, pool: "" })} />
        {filter.workflow === "" && <PoolFilter value={filter.pool} onChange={(pool) => change({ pool })} />}
        <span className="faint dashboard-time">{describeTime(filter, series.dataUpdatedAt)}</span>
      </div>
      {series.isError && <ErrorNote error={series.error} onRetry={() => void series.refetch()} />}
      {series.isPending && <Skeleton rows={12} label="Reading the series" />}
      {series.data !== undefined && (
        <div
          className={series.isPlaceholderData ? "dashboard stale" : "dashboard"}
          aria-busy={series.isPlaceholderData}
        >
          <Totals series={series.data} filter={filter} />
          {series.data.countedUntil === undefined ? (
            <NothingCounted />
          ) : (
            <DashboardCharts series={series.data} filter={filter} onZoom={zoom} />
          )}
        </div>
      )}
    </Page>
  );
}

function NothingCounted() {
  return (
    <div className="card">
      <EmptyState
        title="Nothing was counted yet"
        command="npx millrace status"
        action={<Link to="/">To the workflows</Link>}
      >
        The house counts every 10 seconds. Start a workflow, and its runs appear here.
      </EmptyState>
    </div>
  );
}

interface RangesProps {
  readonly filter: SeriesFilter;
  readonly onChange: (part: Partial<SeriesFilter>) => void;
  readonly onZoom: (fromS: number, toS: number) => void;
}

function Ranges({ filter: { rangeS, from, to }, onChange, onZoom }: RangesProps) {
  const isZoomed = from !== undefined;
  const scale = (factor: number): void => {
    const end = to === undefined ? Date.now() : Date.parse(to);
    const begin = from === undefined ? end - rangeS * 1000 : Date.parse(from);
    // Towards now when the range reaches until now, else around its middle.
    const anchor = isZoomed ? (begin + end) / 2 : end;
    onZoom((anchor + (begin - anchor) * factor) / 1000, (anchor + (end - anchor) * factor) / 1000);
  };
  return (
    <>
      {isZoomed && <Button onClick={() => onChange({ from: undefined, to: undefined })}>Reset the zoom</Button>}
      <IconButton label="Zoom in" icon={<ZoomIn size={15} aria-hidden />} onClick={() => scale(0.5)} />
      <IconButton label="Zoom out" icon={<ZoomOut size={15} aria-hidden />} onClick={() => scale(2)} />
      <div className="segments" role="group" aria-label="Range">
        {RANGES.map(([seconds, label]) => (
          <button
            key={seconds}
            type="button"
            aria-pressed={!isZoomed && seconds === rangeS}
            onClick={() => onChange({ rangeS: seconds, from: undefined, to: undefined })}
          >
            {label}
          </button>
        ))}
      </div>
    </>
  );
}

function PoolFilter({ value, onChange }: { readonly value: string; readonly onChange: (pool: string) => void }) {
  const pools = useQuery(poolsQuery);
  const names = pools.data?.map(({ name = "" }) => name.replace("pools/", "")) ?? [];
  const all = value === "" || names.includes(value) ? names : [value, ...names];
  return (
    <Select
      aria-label="Pool"
      value={value}
      onChange={onChange}
      options={[["", "All pools"], ...all.map((name) => [name, name] as const)]}
    />
  );
}

const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function describeTime({ from, to }: SeriesFilter, updatedAt: number): string {
  if (from !== undefined && to !== undefined) {
    return `${moment.format(new Date(from))} to ${moment.format(new Date(to))}`;
  }
  return updatedAt === 0 ? "" : `Until now, as of ${moment.format(updatedAt).split(", ").at(-1)}`;
}
