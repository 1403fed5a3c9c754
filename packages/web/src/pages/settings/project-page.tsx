import { useQuery } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { Page } from "../../app/page.tsx";
import { call } from "../../api/http.ts";
import { projectQuery, storageQuery } from "../../api/resources.ts";
import type { Project, Storage } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/field.tsx";
import { formatBytes } from "../../ui/format.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useSave } from "../../ui/use-save.ts";
import { RetentionCard } from "./retention-card.tsx";
import { SettingsTabs } from "./settings-tabs.tsx";
import "./settings.css";

/** What holds for the whole project: how long runs are kept, how much is stored, where mail goes. */
export function ProjectPage() {
  const project = useQuery(projectQuery);
  const storage = useQuery(storageQuery);
  const error = project.error ?? storage.error;
  return (
    <Page title="Settings">
      <SettingsTabs />
      {error !== null && (
        <ErrorNote error={error} onRetry={() => void Promise.all([project.refetch(), storage.refetch()])} />
      )}
      <div className="settings">
        <RetentionCard />
        {(project.isPending || storage.isPending) && error === null && (
          <Skeleton rows={4} label="Loading the settings" />
        )}
        {storage.data !== undefined && <StorageCard storage={storage.data} />}
        {project.data !== undefined && <MailCard project={project.data} />}
        {project.data !== undefined && <QueueCard project={project.data} />}
      </div>
    </Page>
  );
}

function StorageCard({ storage }: { readonly storage: Storage }) {
  const { totalBytes = "0", limitBytes = "0", objectBytes, dataStoreBytes, rememberedBytes } = storage;
  const part = Number(limitBytes) === 0 ? 0 : Number(totalBytes) / Number(limitBytes);
  return (
    <section className="card setting" aria-labelledby="storage-heading">
      <header>
        <h2 id="storage-heading">Storage</h2>
        <span className="faint">
          {formatBytes(totalBytes)} of {formatBytes(limitBytes)}
        </span>
      </header>
      <div className="setting-form">
        <meter className="slots wide" aria-label="Storage in use" min={0} max={1} high={0.8} optimum={0} value={part} />
        <dl className="setting-facts">
          <dt>Files and large values</dt>
          <dd>{formatBytes(objectBytes)}</dd>
          <dt>Data stores</dt>
          <dd>{formatBytes(dataStoreBytes)}</dd>
          <dt>Remembered results</dt>
          <dd>{formatBytes(rememberedBytes)}</dd>
        </dl>
      </div>
    </section>
  );
}

interface OneSettingProps {
  readonly title: string;
  readonly label: string;
  readonly hint: ReactNode;
  readonly value: string;
  readonly type: "email" | "number";
  readonly placeholder: string;
  readonly save: (value: string) => Promise<unknown>;
}

function OneSetting({ title, label, hint, value, type, placeholder, save }: OneSettingProps) {
  const heading = useId();
  const [text, setText] = useState(value);
  const change = useSave({ save: () => save(text), changes: [projectQuery.queryKey], done: () => `${title}: saved` });
  return (
    <section className="card setting" aria-labelledby={heading}>
      <header>
        <h2 id={heading}>{title}</h2>
      </header>
      <form
        className="setting-form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Field label={label} hint={hint} optional>
          {(control) => (
            <input
              {...control}
              className="input"
              type={type}
              min={type === "number" ? 1 : undefined}
              placeholder={placeholder}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        {change.isError && <ErrorNote error={change.error} />}
        <div>
          <Button type="submit" busy={change.isPending} disabled={text === value}>
            Save
          </Button>
        </div>
      </form>
    </section>
  );
}

function MailCard({ project }: { readonly project: Project }) {
  return (
    <OneSetting
      title="Mail"
      label="Address"
      hint={
        <>
          Where <code>pd.send.email</code> sends when the step names nobody.
        </>
      }
      type="email"
      placeholder="you@example.com"
      value={project.emailRecipient ?? ""}
      save={(emailRecipient) => call("POST", "project:setEmailRecipient", { body: { emailRecipient } })}
    />
  );
}

function QueueCard({ project }: { readonly project: Project }) {
  return (
    <OneSetting
      title="Queue"
      label="Most waiting runs"
      hint="Beyond it, triggers answer 429 with Retry-After. Empty leaves it to the house."
      type="number"
      placeholder="as the house has it"
      value={project.queueLimit === undefined ? "" : String(project.queueLimit)}
      save={(text) => call("POST", "project:setQueueLimit", { body: text === "" ? {} : { queueLimit: Number(text) } })}
    />
  );
}
