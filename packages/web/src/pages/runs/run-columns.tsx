import { Link } from "react-router";
import { StateBadge } from "../../ui/run-state.tsx";
import { Ago } from "../../ui/time.tsx";
import type { RunColumn } from "./run-grid.tsx";
import { reasonOf, RunDuration, shortId } from "./run-table.tsx";

const state: RunColumn = { title: "State", width: "108px", cell: (run) => <StateBadge state={run.state} /> };
const workflow: RunColumn = {
  title: "Workflow",
  width: "minmax(120px, 1.2fr)",
  cell: ({ workflowDisplayName = "" }) =>
    workflowDisplayName === "" ? <span className="faint">deleted</span> : workflowDisplayName,
};
const id: RunColumn = {
  title: "Run",
  width: "104px",
  cell: (run) => (
    <Link to={`/runs/${run.id}`} className="mono" tabIndex={-1}>
      {shortId(run.id)}
    </Link>
  ),
};
const reason: RunColumn = {
  title: "Reason",
  width: "minmax(0, 2fr)",
  optional: true,
  cell: (run) => (
    <span className="faint" title={reasonOf(run)}>
      {reasonOf(run)}
    </span>
  ),
};
const cause: RunColumn = {
  title: "Cause",
  width: "minmax(160px, 2.4fr)",
  cell: ({ failure }) => (
    <span title={`${failure?.type ?? ""}: ${failure?.message ?? ""}`}>
      <strong className="cause-type">{failure?.type}</strong> <span className="muted">{failure?.message}</span>
    </span>
  ),
};
const place: RunColumn = {
  title: "Where",
  width: "minmax(90px, 0.8fr)",
  optional: true,
  cell: ({ failure: { step = "", line = 0 } = {} }) => (
    <span className="mono muted">
      {step}
      {line > 0 && `:${line}`}
    </span>
  ),
};
const trigger: RunColumn = {
  title: "Trigger",
  width: "72px",
  optional: true,
  cell: (run) => <span className="muted">{run.triggerKind}</span>,
};
const accepted: RunColumn = {
  title: "Accepted",
  width: "92px",
  cell: (run) => (
    <span className="muted">
      <Ago time={run.createTime} />
    </span>
  ),
};
const took: RunColumn = {
  title: "Took",
  width: "84px",
  end: true,
  cell: (run) => (
    <span className="mono">
      <RunDuration run={run} />
    </span>
  ),
};

/** What a list of runs shows of each. */
export const RUN_COLUMNS: readonly RunColumn[] = [state, workflow, id, reason, trigger, accepted, took];
/** What the list of dead letters shows. */
export const DEAD_LETTER_COLUMNS: readonly RunColumn[] = [workflow, cause, place, id, accepted, took];
