import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call, segment } from "../../api/http.ts";
import { workflowsQuery } from "../../api/queries.ts";
import { retentionQuery } from "../../api/resources.ts";
import type { Retention } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useSave } from "../../ui/use-save.ts";

/** How long ended runs are kept: of the project, or of one workflow. */
export function RetentionCard() {
  const { data: workflows = [] } = useQuery(workflowsQuery);
  const [workflow, setWorkflow] = useState("");
  const of = workflow === "" ? undefined : workflow;
  const retention = useQuery(retentionQuery(of));
  return (
    <section className="card setting" aria-labelledby="retention-heading">
      <header>
        <h2 id="retention-heading">History of runs</h2>
      </header>
      <div className="setting-form">
        <Field label="Of" hint="A workflow's own setting goes before its workflow.yaml, that before the project's.">
          {(control) => (
            <Select
              {...control}
              value={workflow}
              onChange={setWorkflow}
              options={[
                ["", "The project: all workflows that say nothing else"],
                ...workflows.map(({ id = "", displayName = "" }) => [id, displayName] as const),
              ]}
            />
          )}
        </Field>
        {retention.isPending && <Skeleton rows={2} label="Loading the retention" />}
        {retention.isError && <ErrorNote error={retention.error} onRetry={() => void retention.refetch()} />}
        {retention.data !== undefined && (
          <RetentionForm key={`${workflow} ${retention.dataUpdatedAt}`} workflow={of} retention={retention.data} />
        )}
      </div>
    </section>
  );
}

interface RetentionFormProps {
  readonly workflow: string | undefined;
  readonly retention: Retention;
}

function RetentionForm({ workflow, retention }: RetentionFormProps) {
  const { days, runs, effectiveDays = 0, effectiveRuns = 0 } = retention;
  const [daysText, setDays] = useState(days === undefined ? "" : String(days));
  const [runsText, setRuns] = useState(runs === undefined ? "" : String(runs));
  const [asks, setAsks] = useState(false);
  const path = workflow === undefined ? "project/retention" : `workflows/${segment(workflow)}/retention`;
  const body = {
    ...(daysText === "" ? {} : { days: Number(daysText) }),
    ...(runsText === "" ? {} : { runs: Number(runsText) }),
  };
  const save = useSave({
    save: () => call<Retention>("PUT", path, { body }),
    changes: [["retention"]],
    done: () => "History of runs: saved",
    then: () => setAsks(false),
  });
  const isLess = shortens(body, retention);
  return (
    <form
      className="two-fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (isLess) setAsks(true);
        else save.mutate();
      }}
    >
      <NumberField
        label="Days"
        max={3_650}
        min={1}
        value={daysText}
        holds={`${effectiveDays} days hold now`}
        onChange={setDays}
      />
      <NumberField
        label="Most runs of each workflow"
        max={1_000_000}
        min={0}
        value={runsText}
        holds={effectiveRuns === 0 ? "any number holds now" : `${effectiveRuns} hold now`}
        onChange={setRuns}
      />
      {save.isError && !asks && <ErrorNote error={save.error} />}
      <div className="whole-line">
        <Button
          type="submit"
          busy={save.isPending}
          disabled={daysText === String(days ?? "") && runsText === String(runs ?? "")}
        >
          Save
        </Button>
        <span className="faint setting-aside">Empty leaves it to what stands above. 0 runs means any number.</span>
      </div>
      <ConfirmDialog
        open={asks}
        onOpenChange={setAsks}
        title="Keep less of the history?"
        confirm="Keep less"
        onConfirm={() => save.mutate()}
        busy={save.isPending}
        error={save.error}
      >
        Ended runs beyond it go within minutes, with their steps, logs and large values, and do not come back.
      </ConfirmDialog>
    </form>
  );
}

function shortens(
  next: { days?: number; runs?: number },
  { effectiveDays = 0, effectiveRuns = 0 }: Retention,
): boolean {
  const fewerDays = next.days !== undefined && next.days < effectiveDays;
  const fewerRuns = next.runs !== undefined && next.runs !== 0 && (effectiveRuns === 0 || next.runs < effectiveRuns);
  return fewerDays || fewerRuns;
}

interface NumberFieldProps {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: string;
  readonly holds: string;
  readonly onChange: (value: string) => void;
}

function NumberField({ label, min, max, value, holds, onChange }: NumberFieldProps) {
  return (
    <Field label={label} hint={holds}>
      {(control) => (
        <input
          {...control}
          className="input"
          type="number"
          min={min}
          max={max}
          step={1}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
