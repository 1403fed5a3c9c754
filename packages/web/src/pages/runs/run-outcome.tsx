import { useQuery } from "@tanstack/react-query";
import { CircleX } from "lucide-react";
import { Link } from "react-router";
import { versionQuery } from "../../api/drafts.ts";
import type { Run, RunFailure } from "../../api/generated/types.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Note } from "../../ui/note.tsx";
import { Ago } from "../../ui/time.tsx";
import { shortId } from "./run-table.tsx";
import { SourceCode } from "./source-code.tsx";

const LINES_AROUND = 4;

/** Why a run is where it is: its failure, what it waits for, what has paused it. */
export function RunOutcome({ run }: { readonly run: Run }) {
  if (run.failure !== undefined) return <Failure run={run} failure={run.failure} />;
  if (run.wait !== undefined) return <Note kind="warn">{run.wait.message}</Note>;
  if (run.pause !== undefined) {
    const { step = "", cancels, wakeTime, childRun = "" } = run.pause;
    const child = childRun.split("/").at(-1)!;
    return (
      <Note kind="warn">
        Paused{step === "" ? "" : ` by ${step}`}
        {child !== "" && (
          <>
            {" "}
            until <Link to={`/runs/${child}`}>{shortId(child)}</Link> has ended
          </>
        )}
        ; it {cancels === true ? "is cancelled" : "goes on"} by itself <Ago time={wakeTime} />
      </Note>
    );
  }
  return run.exitReason ? (
    <p className="muted">
      {run.state === "RUN_STATE_CANCELLED" ? "Cancelled" : "Ended early"}: {run.exitReason}
    </p>
  ) : null;
}

function Failure({ run, failure }: { readonly run: Run; readonly failure: RunFailure }) {
  const { type = "", message = "", step = "", file = "", line = 0, traceback = "" } = failure;
  const version = useQuery({
    ...versionQuery(run.workflow!.split("/")[1]!, run.version ?? 0),
    enabled: !!run.version && file !== "" && line > 0,
  });
  const source = version.data?.sources?.[file] ?? version.data?.modules?.[file];
  const text = traceback === "" ? `${type}: ${message}` : traceback;
  return (
    <section className="card failure" aria-labelledby="failure-heading">
      <div className="failure-head">
        <CircleX size={18} aria-hidden />
        <div className="failure-text">
          <h2 id="failure-heading">{type}</h2>
          <p className="failure-message">{message}</p>
          {step !== "" && (
            <p className="muted failure-place">
              in <strong>{step}</strong>
              {file !== "" && <code>{`${file}${line > 0 ? `:${line}` : ""}`}</code>}
            </p>
          )}
        </div>
        <CopyButton text={text} label="Copy the failure" />
      </div>
      {source !== undefined && <SourceCode text={source} mark={line} label={file} around={LINES_AROUND} />}
      {traceback !== "" && (
        <details className="traceback">
          <summary>Traceback</summary>
          <pre className="code-block" tabIndex={0}>
            {traceback}
          </pre>
        </details>
      )}
    </section>
  );
}
