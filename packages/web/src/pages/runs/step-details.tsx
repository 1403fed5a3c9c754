import { Tabs } from "radix-ui";
import { apiUrl, segment } from "../../api/http.ts";
import type { Run, StepRun } from "../../api/generated/types.ts";
import { JsonView } from "../../ui/json-view.tsx";

/** What a step was given and what came of it. */
export function StepDetails({ run, step }: { readonly run: Run; readonly step: StepRun | undefined }) {
  return (
    <section className="card details" aria-label="Values">
      <Tabs.Root defaultValue="step">
        <Tabs.List className="tabs" aria-label="Values">
          <Tabs.Trigger value="step">{step?.name ?? "Step"}</Tabs.Trigger>
          <Tabs.Trigger value="event">Event</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="step">
          {step === undefined ? <Nothing>The run has no steps.</Nothing> : <StepValues run={run} step={step} />}
        </Tabs.Content>
        <Tabs.Content value="event">
          <Value run={run} kind="RUN_VALUE_KIND_EVENT" path="" json={run.eventJson} />
        </Tabs.Content>
      </Tabs.Root>
    </section>
  );
}

function Nothing({ children }: { readonly children: string }) {
  return <p className="nothing muted">{children}</p>;
}

function StepValues({ run, step }: { readonly run: Run; readonly step: StepRun }) {
  const { path = "", exportsJson, returnValueJson, resumeJson = "", answer } = step;
  if (step.startTime === undefined) return <Nothing>This step has not run.</Nothing>;
  return (
    <>
      <h3>Return value</h3>
      <Value run={run} kind="RUN_VALUE_KIND_RETURN_VALUE" path={path} json={returnValueJson} />
      <h3>Exports</h3>
      <Value
        run={run}
        kind="RUN_VALUE_KIND_EXPORTS"
        path={path}
        json={exportsJson === "{}" ? undefined : exportsJson}
      />
      {resumeJson !== "" && (
        <>
          <h3>What ended its pause</h3>
          <JsonView json={resumeJson} />
        </>
      )}
      {answer !== undefined && (
        <>
          <h3>HTTP answer</h3>
          <pre className="code-block">
            {[`HTTP ${answer.status}`, ...(answer.headers ?? []).map(({ name, value }) => `${name}: ${value}`)].join(
              "\n",
            )}
            {"\n\n"}
            {new TextDecoder().decode(Uint8Array.from(atob(answer.body ?? ""), (char) => char.charCodeAt(0)))}
          </pre>
        </>
      )}
    </>
  );
}

interface ValueProps {
  readonly run: Run;
  readonly kind: string;
  readonly path: string;
  readonly json: string | undefined;
}

/** A value, or the way to it when it is too large for a page. */
function Value({ run, kind, path, json }: ValueProps) {
  const large = run.largeValues?.find((value) => value.kind === kind && (value.path ?? "") === path);
  if (large !== undefined) {
    const url = apiUrl(`workflows/-/runs/${segment(run.id!)}:readValue`, { kind, path });
    return (
      <p className="nothing">
        {(Number(large.size) / 1024).toFixed(0)} KiB, too much to show here: <a href={url}>open it</a>.
      </p>
    );
  }
  if (json === undefined || json === "") return <Nothing>none</Nothing>;
  return <JsonView json={json} />;
}
