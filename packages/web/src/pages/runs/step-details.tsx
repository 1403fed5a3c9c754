import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { versionQuery } from "../../api/drafts.ts";
import { readRunValue } from "../../api/run-calls.ts";
import type { Run, StepAnswer, StepRun } from "../../api/generated/types.ts";
import { HttpAnswer } from "../../ui/http-answer.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Tabs, type Tab } from "../../ui/tabs.tsx";
import { JsonText, RunValue } from "./run-value.tsx";
import { shortId } from "./run-table.tsx";
import { SourceCode } from "./source-code.tsx";
import { StepFacts } from "./step-facts.tsx";
import { fileOfStep, inputsOfStep } from "./version-parts.ts";

type View = "results" | "inputs" | "code" | "details" | "answer";

/** What a part of a run was given, and what came of it: of a step, or of the trigger. */
export function StepDetails({ run, step }: { readonly run: Run; readonly step: StepRun | undefined }) {
  if (step === undefined) {
    return (
      <section className="card details" aria-label="Event">
        <header>
          <h2>Event</h2>
        </header>
        <RunValue
          run={run}
          kind="RUN_VALUE_KIND_EVENT"
          path=""
          json={run.eventJson}
          label="event"
          pythonPath={'pd.steps["trigger"]["event"]'}
        />
      </section>
    );
  }
  return <StepCard key={step.path} run={run} step={step} />;
}

function StepCard({ run, step }: { readonly run: Run; readonly step: StepRun }) {
  const [view, setView] = useState<View>("results");
  const tabs: Tab<View>[] = [
    { value: "results", label: "Exports", content: <Results run={run} step={step} /> },
    { value: "inputs", label: "Inputs", content: <Inputs run={run} step={step} /> },
    { value: "code", label: "Code", content: <Code run={run} step={step} /> },
    { value: "details", label: "Details", content: <StepFacts step={step} /> },
  ];
  if (step.answer !== undefined) {
    tabs.push({
      value: "answer",
      label: "HTTP answer",
      content: <Answer run={run} step={step} answer={step.answer} />,
    });
  }
  return (
    <section className="card details" aria-labelledby="step-heading">
      <header>
        <h2 id="step-heading" className="truncate">
          {step.name}
        </h2>
      </header>
      <Tabs label={`Step ${step.name}`} value={view} onChange={setView} tabs={tabs} />
    </section>
  );
}

function Results({ run, step }: { readonly run: Run; readonly step: StepRun }) {
  const { name = "", path = "", exportsJson, returnValueJson, resumeJson = "", takenOverFrom = "" } = step;
  const origin = takenOverFrom.split("/").at(-1) ?? "";
  const quoted = JSON.stringify(name);
  const isLarge = (kind: string) =>
    run.largeValues?.some((value) => value.kind === kind && value.path === path) === true;
  if (step.startTime === undefined) return <p className="nothing muted">This step has not run.</p>;
  return (
    <>
      {origin !== "" && (
        <div className="details-note">
          <Note kind="warn">
            It did not run here: this is its result of <Link to={`/runs/${origin}`}>{shortId(origin)}</Link>.
          </Note>
        </div>
      )}
      <h3>Return value</h3>
      <RunValue
        run={run}
        kind="RUN_VALUE_KIND_RETURN_VALUE"
        path={path}
        json={returnValueJson}
        label="return value"
        pythonPath={`pd.steps[${quoted}]["$return_value"]`}
      />
      {(exportsJson !== "{}" || isLarge("RUN_VALUE_KIND_EXPORTS")) && (
        <>
          <h3>Exports</h3>
          <RunValue
            run={run}
            kind="RUN_VALUE_KIND_EXPORTS"
            path={path}
            json={exportsJson}
            label="exports"
            pythonPath={`pd.steps[${quoted}]`}
          />
        </>
      )}
      {resumeJson !== "" && (
        <>
          <h3>What ended its pause</h3>
          <JsonText json={resumeJson} label="What ended its pause" path={`pd.steps[${quoted}]`} />
        </>
      )}
    </>
  );
}

function Inputs({ run, step }: { readonly run: Run; readonly step: StepRun }) {
  const version = useQuery({ ...versionQuery(run.workflow!.split("/")[1]!, run.version ?? 0), enabled: !!run.version });
  if (!run.version)
    return <p className="nothing muted">The workflow is deleted, and what its steps were given with it.</p>;
  if (version.isPending) return <Skeleton rows={3} label="Reading the version" />;
  if (version.isError) return <ErrorNote error={version.error} onRetry={() => void version.refetch()} />;
  const inputs = inputsOfStep(version.data, step.name ?? "");
  return (
    <>
      {inputs === undefined ? (
        <p className="nothing muted">It has no inputs of its own: it reads the event and the steps above it.</p>
      ) : (
        <JsonText json={inputs} label="inputs" path="pd.inputs" />
      )}
    </>
  );
}

function Code({ run, step }: { readonly run: Run; readonly step: StepRun }) {
  const version = useQuery({ ...versionQuery(run.workflow!.split("/")[1]!, run.version ?? 0), enabled: !!run.version });
  if (!run.version) return <p className="nothing muted">The workflow is deleted, and its code with it.</p>;
  if (version.isPending) return <Skeleton rows={6} label="Reading the version" />;
  if (version.isError) return <ErrorNote error={version.error} onRetry={() => void version.refetch()} />;
  const file = fileOfStep(version.data, step.name ?? "");
  const failed = run.failure?.step === step.name && run.failure?.file === file ? run.failure?.line : undefined;
  return <SourceCode text={version.data.sources?.[file] ?? ""} mark={failed} label={file} />;
}

interface AnswerProps {
  readonly run: Run;
  readonly step: StepRun;
  readonly answer: StepAnswer;
}

function Answer({ run, step: { path = "" }, answer }: AnswerProps) {
  const large =
    run.largeValues?.some((value) => value.kind === "RUN_VALUE_KIND_ANSWER" && value.path === path) === true;
  const read = useQuery({
    queryKey: ["run-value", run.id, "answer", path],
    queryFn: ({ signal }) => readRunValue(run.id!, "RUN_VALUE_KIND_ANSWER", path, signal),
    enabled: large,
    gcTime: 10_000,
  });
  return (
    <>
      {read.isError && <ErrorNote error={read.error} />}
      <HttpAnswer answer={answer} body={large ? (read.data ?? "") : undefined} most={SHOWN_BODY} />
    </>
  );
}

const SHOWN_BODY = 200_000;
