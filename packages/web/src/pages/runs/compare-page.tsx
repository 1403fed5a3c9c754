import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight } from "lucide-react";
import { Link, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { runQuery } from "../../api/queries.ts";
import type { Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { CompareTimes } from "./compare-times.tsx";
import { CompareValues } from "./compare-values.tsx";
import { RunPicker } from "./run-picker.tsx";
import { reasonOf, RunDuration, shortId } from "./run-table.tsx";
import "./compare-page.css";

/** Two runs side by side: their times, events and results, with the differences marked. */
export function ComparePage() {
  const [parameters, setParameters] = useSearchParams();
  const [a, b] = [parameters.get("a") ?? "", parameters.get("b") ?? ""];
  const left = useQuery({ ...runQuery(a), enabled: a !== "" });
  const right = useQuery({ ...runQuery(b), enabled: b !== "" });
  const choose = (side: "a" | "b", id: string): void =>
    setParameters((before) => {
      const next = new URLSearchParams(before);
      if (id === "") next.delete(side);
      else next.set(side, id);
      return next;
    });
  const error = left.error ?? right.error;
  return (
    <Page
      title="Compare runs"
      trail={<Link to="/runs">Runs</Link>}
      actions={
        a !== "" &&
        b !== "" && (
          <Button icon={<ArrowLeftRight size={15} aria-hidden />} onClick={() => setParameters({ a: b, b: a })}>
            Swap
          </Button>
        )
      }
    >
      {error !== null && (
        <ErrorNote error={error} onRetry={() => void Promise.all([left.refetch(), right.refetch()])} />
      )}
      <div className="compare-heads">
        <Side
          name="A"
          id={a}
          run={left.data}
          workflow={right.data?.workflow}
          other={b}
          onChoose={(id) => choose("a", id)}
        />
        <Side
          name="B"
          id={b}
          run={right.data}
          workflow={left.data?.workflow}
          other={a}
          onChoose={(id) => choose("b", id)}
        />
      </div>
      {left.data !== undefined && right.data !== undefined && <Comparison left={left.data} right={right.data} />}
    </Page>
  );
}

interface SideProps {
  readonly name: "A" | "B";
  readonly id: string;
  readonly run: Run | undefined;
  /** The other run's: the runs of it are offered. */
  readonly workflow: string | undefined;
  /** Id of the other run: it is not offered. */
  readonly other: string;
  readonly onChoose: (id: string) => void;
}

function Side({ name, id, run, workflow, other, onChoose }: SideProps) {
  return (
    <section className={`card compare-side ${name === "A" ? "left" : "right"}`} aria-label={`Run ${name}`}>
      <header>
        <h2>
          <span className="side-mark">{name}</span>
          {run !== undefined && (
            <Link to={`/runs/${run.id}`} className="mono">
              {shortId(run.id)}
            </Link>
          )}
        </h2>
        {run !== undefined && <StateBadge state={run.state} />}
        {id !== "" && (
          <Button kind="plain" className="side-change" onClick={() => onChoose("")}>
            Another run
          </Button>
        )}
      </header>
      {id === "" && <RunPicker workflow={workflow?.split("/")[1] ?? ""} without={other} onChoose={onChoose} />}
      {id !== "" && run === undefined && <Skeleton rows={2} label={`Loading the run ${name}`} />}
      {run !== undefined && <SideFacts run={run} />}
    </section>
  );
}

function SideFacts({ run }: { readonly run: Run }) {
  return (
    <div className="side-facts">
      <p>
        {run.workflowDisplayName || "deleted workflow"} <span className="badge mono">v{run.version || "?"}</span>
      </p>
      <p className="muted">
        {run.triggerKind}, accepted <Ago time={run.createTime} />, took <RunDuration run={run} />
      </p>
      {reasonOf(run) !== "" && <p className="side-reason">{reasonOf(run)}</p>}
    </div>
  );
}

function Comparison({ left, right }: { readonly left: Run; readonly right: Run }) {
  const names = new Set([...(left.steps ?? []), ...(right.steps ?? [])].map(({ name = "" }) => name));
  const stepOf = (run: Run, name: string) => run.steps?.find((step) => step.name === name);
  return (
    <>
      <CompareTimes left={left} right={right} names={[...names]} />
      <CompareValues
        title="Event"
        values={[
          {
            label: "Event",
            kind: "RUN_VALUE_KIND_EVENT",
            left: { run: left, path: "", json: left.eventJson },
            right: { run: right, path: "", json: right.eventJson },
          },
        ]}
      />
      {[...names].map((name) => {
        const [a, b] = [stepOf(left, name), stepOf(right, name)];
        const side = (run: Run, step: typeof a, json: string | undefined) =>
          step === undefined ? undefined : { run, path: step.path ?? "", json };
        return (
          <CompareValues
            key={name}
            title={name}
            values={[
              {
                label: "Return value",
                kind: "RUN_VALUE_KIND_RETURN_VALUE",
                left: side(left, a, a?.returnValueJson),
                right: side(right, b, b?.returnValueJson),
              },
              {
                label: "Exports",
                kind: "RUN_VALUE_KIND_EXPORTS",
                left: side(left, a, a?.exportsJson),
                right: side(right, b, b?.exportsJson),
              },
            ]}
          />
        );
      })}
    </>
  );
}
