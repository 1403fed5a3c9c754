import { useId } from "react";
import { stepId } from "../../api/drafts.ts";
import type { DraftStep } from "../../api/generated/types.ts";
import { Field } from "../../ui/field.tsx";
import { optionsOf, settingsOf, useBuilder } from "./builder-context.ts";
import { problemsOf, useCheck } from "./step-state.ts";

interface Setting {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  readonly usual: string;
  readonly kind: "duration" | "size" | "number" | "text";
}

const SETTINGS: readonly Setting[] = [
  {
    name: "stepTimeout",
    label: "Time limit of each step",
    hint: "Of steps that have none of their own",
    usual: "30s",
    kind: "duration",
  },
  { name: "runTimeout", label: "Time limit of a run", hint: "Such as 5m or 2h", usual: "5m", kind: "duration" },
  {
    name: "memory",
    label: "Memory of the workflow",
    hint: "From 32MiB to 64GiB, for all steps of a run together",
    usual: "256MiB",
    kind: "size",
  },
  { name: "tmp", label: "Size of /tmp", hint: "From 1MiB to 64GiB", usual: "the pool’s", kind: "size" },
  { name: "cpu", label: "Processors", hint: "Such as 0.5", usual: "no limit", kind: "number" },
  {
    name: "concurrency",
    label: "Runs at the same time",
    hint: "At 1, runs go in the order they came",
    usual: "no limit",
    kind: "number",
  },
  {
    name: "queueLimit",
    label: "Waiting runs",
    hint: "Beyond it requests are answered 429",
    usual: "10000",
    kind: "number",
  },
  { name: "pool", label: "Pool", hint: "Whose runners run it", usual: "default", kind: "text" },
];

const PATTERNS = {
  duration: /^(\d{1,9}(\.\d{1,3})?(ms|s|m|h))+$/,
  size: /^\d{1,12}(\.\d{1,3})? ?(B|KB|MB|GB|KiB|MiB|GiB)$/,
  number: /^\d+(\.\d+)?$/,
  text: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
} as const;

/** The step's own time limit, and the limits that hold for the whole workflow. */
export function StepConfigure({ step }: { readonly step: DraftStep }) {
  const own = useId();
  const whole = useId();
  return (
    <div className="part">
      <section aria-labelledby={own}>
        <h3 id={own}>This step</h3>
        <StepTimeout step={step} />
      </section>
      <section aria-labelledby={whole}>
        <h3 id={whole}>The whole workflow</h3>
        <p className="muted part-intro">
          All steps of a run share one environment: its memory, its processors and its <code>/tmp</code>. What you
          change here holds for every step, from the next deploy on; tests follow it at once.
        </p>
        <WorkflowSettings />
      </section>
    </div>
  );
}

function StepTimeout({ step }: { readonly step: DraftStep }) {
  const { view, session } = useBuilder();
  const check = useCheck();
  const { timeout, ...rest } = optionsOf(step);
  const settings = settingsOf(view.settingsJson).settings ?? {};
  const usual = shown(settings["stepTimeout"] ?? "30s");
  const index = view.steps.findIndex((each) => stepId(each) === stepId(step));
  const [problem] = problemsOf(check, step, index).filter(({ path }) => path === `steps[${index}].timeout`);
  const setting: Setting = {
    name: "timeout",
    label: "Time limit of this step",
    hint: `Such as 10s or 2m, at most the run’s ${shown(settings["runTimeout"] ?? "5m")}; without it ${usual}, as for every step`,
    usual,
    kind: "duration",
  };
  return (
    <div className="setting-grid">
      <SettingField
        key={shown(timeout)}
        setting={setting}
        value={shown(timeout)}
        problem={problem?.message}
        onChange={(text) =>
          session.change(stepId(step), "changing the time limit of a step", {
            optionsJson: JSON.stringify(text === "" ? rest : { ...rest, timeout: text }),
          })
        }
      />
    </div>
  );
}

/** A value as files have it too: a plain number of a time limit is seconds. */
function shown(value: unknown): string {
  if (typeof value === "number") return `${value}s`;
  return typeof value === "string" ? value : "";
}

function WorkflowSettings() {
  const { view, session } = useBuilder();
  const all = settingsOf(view.settingsJson);
  const settings = all.settings ?? {};
  const change = ({ name, kind, label }: Setting, text: string): void => {
    const { [name]: _, ...rest } = settings;
    const value = kind === "number" ? Number(text) : text;
    const next = text === "" ? rest : { ...rest, [name]: value };
    session.changeSettings(`changing “${label}”`, JSON.stringify({ ...all, settings: next }));
  };
  return (
    <div className="setting-grid">
      {SETTINGS.map((setting) => (
        <SettingField
          key={`${setting.name} ${String(settings[setting.name] ?? "")}`}
          setting={setting}
          value={String(settings[setting.name] ?? "")}
          onChange={(text) => change(setting, text)}
        />
      ))}
    </div>
  );
}

interface SettingFieldProps {
  readonly setting: Setting;
  readonly value: string;
  /** What a deploy would object to. */
  readonly problem?: string | undefined;
  readonly onChange: (text: string) => void;
}

function SettingField({ setting, value, problem, onChange }: SettingFieldProps) {
  const { label, hint, usual, kind } = setting;
  return (
    <Field label={label} hint={hint} error={problem}>
      {(control) => (
        <input
          {...control}
          className="input mono"
          defaultValue={value}
          placeholder={usual}
          spellCheck={false}
          onChange={({ target }) => {
            const isRight = target.value === "" || PATTERNS[kind].test(target.value);
            target.setAttribute("aria-invalid", String(!isRight));
          }}
          onBlur={({ target }) => {
            if (target.value !== "" && !PATTERNS[kind].test(target.value)) target.value = value;
            else if (target.value !== value) onChange(target.value);
            target.removeAttribute("aria-invalid");
          }}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        />
      )}
    </Field>
  );
}
