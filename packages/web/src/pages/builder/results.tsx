import { useState, type ReactNode } from "react";
import { stepId } from "../../api/drafts.ts";
import type { DeployNote, DeployStage, DraftStep, DraftTest } from "../../api/generated/types.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { durationMs, formatDuration, useNow } from "../../ui/time.tsx";
import { useBuilder } from "./builder-context.ts";
import { ExportTree } from "./export-tree.tsx";
import { ResultDetails } from "./result-details.tsx";
import { ResultLog, useResultLog } from "./result-log.tsx";
import { useLiveTest, useStepState } from "./step-state.ts";
import type { LiveTest } from "./test-desk.ts";
import "./results.css";

const STAGES: Readonly<Partial<Record<DeployStage, string>>> = {
  DEPLOY_STAGE_CHECKING: "Checking the code …",
  DEPLOY_STAGE_RESOLVING: "Choosing packages …",
  DEPLOY_STAGE_DOWNLOADING: "Downloading packages …",
  DEPLOY_STAGE_INSTALLING: "Installing packages …",
};

type Tab = "exports" | "logs" | "details";

/** What the newest test of a step came to, beneath its editor. */
export function Results({ step }: { readonly step: DraftStep }) {
  const { tests } = useBuilder();
  const id = stepId(step);
  const live = useLiveTest(id);
  const test = tests.get(id);
  const [chosen, setChosen] = useState<Tab>();
  const log = useResultLog(step, live, test);
  const running = live?.running === true;
  const failed = test?.failure !== undefined;
  const printed = log.entries.some(({ stream }) => stream !== "LOG_STREAM_SYSTEM");
  // Nobody has chosen: what is most likely looked for is shown.
  const tab = chosen ?? (running || failed || printed || isEmpty(test) ? "logs" : "exports");
  return (
    <section className="results" aria-label="Results">
      <header className="results-head">
        <h2>Results</h2>
        <div className="segments" role="group" aria-label="Parts of the results">
          <TabButton tab="exports" now={tab} onChoose={setChosen}>
            Exports
          </TabButton>
          <TabButton tab="logs" now={tab} onChoose={setChosen}>
            Logs {log.entries.length > 0 && <span className="count">{log.entries.length}</span>}
          </TabButton>
          <TabButton tab="details" now={tab} onChoose={setChosen}>
            Details
          </TabButton>
        </div>
        <Outcome step={step} live={live} test={test} />
      </header>
      <div className="results-body">
        {live?.error !== undefined && !running && <TestError error={live.error} />}
        {running && live.run === "" && <p className="results-none">{STAGES[live.stage!] ?? "Starting …"}</p>}
        {test === undefined && live === undefined && (
          <p className="results-none">
            Nothing yet: <strong>Test</strong> runs this step in the sandbox on the chosen event. Data stores and
            accounts are the real ones.
          </p>
        )}
        {(test !== undefined || (running && live.run !== "")) && (
          <>
            {tab === "exports" && <ExportTree step={step.displayName ?? ""} test={running ? undefined : test} />}
            {tab === "logs" && (
              <ResultLog {...log} live={running} failure={running ? undefined : test?.failure} step={step} />
            )}
            {tab === "details" && test !== undefined && <ResultDetails test={test} />}
          </>
        )}
        <Notes notes={live?.notes ?? []} file={step.file ?? ""} />
      </div>
    </section>
  );
}

function isEmpty(test: DraftTest | undefined): boolean {
  const { exportsJson = "{}", returnValueJson = "" } = test?.result ?? {};
  return exportsJson === "{}" && (returnValueJson === "" || returnValueJson === "null");
}

interface TabButtonProps {
  readonly tab: Tab;
  readonly now: Tab;
  readonly onChoose: (tab: Tab) => void;
  readonly children: ReactNode;
}

function TabButton({ tab, now, onChoose, children }: TabButtonProps) {
  return (
    <button type="button" aria-pressed={tab === now} onClick={() => onChoose(tab)}>
      {children}
    </button>
  );
}

interface OutcomeProps {
  readonly step: DraftStep;
  readonly live: LiveTest | undefined;
  readonly test: DraftTest | undefined;
}

function Outcome({ step, live, test }: OutcomeProps) {
  const { stale, state } = useStepState(step);
  if (live?.running === true) return <Running startedMs={live.startedMs} />;
  const took = durationMs(test?.result?.startTime, test?.result?.endTime, 0);
  return (
    <div className="outcome" role="status">
      {stale && <span className="badge warn">stale: changed since this test</span>}
      {state !== undefined && <StateBadge state={state} />}
      {took !== undefined && test?.result?.endTime !== undefined && (
        <span className="mono">{formatDuration(took)}</span>
      )}
    </div>
  );
}

function Running({ startedMs }: { readonly startedMs: number }) {
  const now = useNow();
  return (
    <div className="outcome" role="status">
      <StateBadge state="RUN_STATE_RUNNING" />
      <span className="mono" aria-hidden>
        {formatDuration(Math.max(0, now - startedMs))}
      </span>
    </div>
  );
}

/** A test that was refused says why and where. */
function TestError({ error }: { readonly error: unknown }) {
  return (
    <div className="results-error">
      <ErrorNote error={error} />
    </div>
  );
}

function Notes({ notes, file }: { readonly notes: readonly DeployNote[]; readonly file: string }) {
  const own = notes.filter((note) => (note.file ?? "") === "" || note.file === file);
  if (own.length === 0) return null;
  return (
    <ul className="result-notes">
      {own.map(({ message, line = 0 }) => (
        <li key={`${line} ${message}`}>{line > 0 ? `Line ${line}: ${message}` : message}</li>
      ))}
    </ul>
  );
}
