import { Play } from "lucide-react";
import { useId } from "react";
import { MOD_KEY } from "../../app/platform.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";

import { ErrorNote, Note } from "../../ui/note.tsx";
import { settingsOf, triggersOf, useBuilder, type DraftSettings, type HttpTrigger } from "./builder-context.ts";
import { EventPicker } from "./event-picker.tsx";
import { StaticAnswer } from "./static-answer.tsx";
import { ALL_STEPS } from "./test-desk.ts";
import "./trigger-panel.css";

const ANSWERS = [
  ["workflow", "A step answers", "The client waits for pd.respond"],
  ["immediate", "The house, at once", "200 with the run’s id"],
  ["static", "The house, with a fixed answer", "Status, headers and body that you write"],
] as const;

const EVENTS = [
  ["request", "The whole request", "Method, path, query, headers and body"],
  ["body", "Its body alone", "The rest is in the context"],
] as const;

/** What starts the workflow, and the event that tests run on. */
export function TriggerPanel() {
  const { view, desk, event, live } = useBuilder();
  const all = live.get(ALL_STEPS);
  return (
    <section className="panel" aria-label="Trigger">
      <header className="panel-head">
        <h2>trigger</h2>
        <span className="spacer" />
        <Button
          className="test"
          icon={<Play size={14} aria-hidden />}
          busy={all?.running === true}
          disabled={view.steps.length === 0}
          title={`Runs all steps on the chosen event (${MOD_KEY}Enter)`}
          onClick={() => void desk.test(ALL_STEPS, event.json)}
        >
          Test all steps
        </Button>
      </header>
      <div className="part">
        {all?.error !== undefined && !all.running && <ErrorNote error={all.error} />}
        {view.steps.length === 0 && (
          <Note kind="warn">The workflow has no step yet: add one with the + on the left.</Note>
        )}
        <TriggerSettings />
        <EventPicker />
      </div>
    </section>
  );
}

function TriggerSettings() {
  const { view, session } = useBuilder();
  const settings = settingsOf(view.settingsJson);
  const triggers = triggersOf(settings);
  const set = (label: string, next: readonly HttpTrigger[]): void => {
    const { trigger: _, ...rest } = settings;
    const json: DraftSettings = { ...rest, triggers: next.map((http) => ({ http })) };
    session.changeSettings(label, JSON.stringify(json));
  };
  return (
    <section aria-labelledby="trigger-kind">
      <h3 id="trigger-kind">Kind</h3>
      {triggers.length === 0 && (
        <p className="muted">
          Only calls of the API and other workflows start it.{" "}
          <Button onClick={() => set("adding a trigger", [{ event: "request", respond: "workflow" }])}>
            Add an HTTP address
          </Button>
        </p>
      )}
      {triggers.map((http, index) => (
        <HttpSettings
          key={index}
          http={http}
          index={index}
          onChange={(label, next) => set(label, triggers.with(index, next))}
          onRemove={() =>
            set(
              "removing a trigger",
              triggers.filter((_, each) => each !== index),
            )
          }
        />
      ))}
    </section>
  );
}

interface HttpSettingsProps {
  readonly http: HttpTrigger;
  readonly index: number;
  readonly onChange: (label: string, http: HttpTrigger) => void;
  readonly onRemove: () => void;
}

function HttpSettings({ http, index, onChange, onRemove }: HttpSettingsProps) {
  const { workflow } = useBuilder();
  const url = workflow.triggers?.[index]?.url;
  return (
    <div className="http-trigger">
      <div className="trigger-line">
        <span className="badge info">HTTP</span>
        {url === undefined ? (
          <span className="muted">
            Its address is made by the first deploy. Until then, test with the address below.
          </span>
        ) : (
          <div className="copy-box">
            <code>{url}</code>
            <CopyButton text={url} label="Copy the address" />
          </div>
        )}
        <Button kind="plain" onClick={onRemove}>
          Remove
        </Button>
      </div>
      <div className="two">
        <Choice
          label="Who answers"
          value={http.respond ?? "immediate"}
          options={ANSWERS}
          onChange={(respond) => {
            const { response, ...rest } = http;
            const kept = respond === "static" ? { response: response ?? { status: 200, body: { ok: true } } } : {};
            onChange("changing who answers", { ...rest, ...kept, respond });
          }}
        />
        <Choice
          label="What steps get as the event"
          value={http.event ?? "request"}
          options={EVENTS}
          onChange={(event) => onChange("changing the event", { ...http, event })}
        />
      </div>
      {http.respond === "static" && (
        <StaticAnswer
          response={http.response ?? {}}
          onChange={(response) => onChange("changing the answer", { ...http, response })}
        />
      )}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, title: string, about: string])[];
  readonly onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="radio-cards">
      <legend>{label}</legend>
      {options.map(([option, title, about]) => (
        <label key={option} className="radio-card">
          <input
            type="radio"
            aria-label={title}
            name={name}
            value={option}
            checked={option === value}
            onChange={() => onChange(option)}
          />
          <span>
            <span className="choice-title">{title}</span>
            <span className="choice-about">{about}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
