import { Field } from "../../ui/field.tsx";
import { settingsOf, useBuilder } from "./builder-context.ts";

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
    label: "Time limit of a step",
    hint: "Such as 30s, 5m or 1h30m",
    usual: "30s",
    kind: "duration",
  },
  { name: "runTimeout", label: "Time limit of a run", hint: "Such as 5m or 2h", usual: "5m", kind: "duration" },
  { name: "memory", label: "Memory", hint: "From 32MiB to 64GiB", usual: "256MiB", kind: "size" },
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

/** Limits, which hold for all steps of the workflow. */
export function StepConfigure() {
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
    <div className="part">
      <p className="muted">
        These hold for every step of the workflow, from the next deploy on; tests follow them at once.
      </p>
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
    </div>
  );
}

interface SettingFieldProps {
  readonly setting: Setting;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

function SettingField({ setting, value, onChange }: SettingFieldProps) {
  const { label, hint, usual, kind } = setting;
  return (
    <Field label={label} hint={hint}>
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
