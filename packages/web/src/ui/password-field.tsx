import { Eye, EyeOff } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { IconButton } from "./button.tsx";
import { Field } from "./field.tsx";

export interface PasswordFieldProps {
  readonly label: string;
  readonly autoComplete: "current-password" | "new-password" | "off";
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly autoFocus?: boolean;
  readonly mono?: boolean;
}

/** Something secret that is typed: it can be shown, and whoever types it in capitals by mistake is told. */
export function PasswordField({ label, autoComplete, value, onChange, hint, error, ...rest }: PasswordFieldProps) {
  const [shown, setShown] = useState(false);
  const [capsLock, setCapsLock] = useState(false);
  const watch = (event: KeyboardEvent): void => setCapsLock(event.getModifierState("CapsLock"));
  const about = capsLock ? "Caps Lock is on." : hint;
  return (
    <Field label={label} hint={about} error={error}>
      {(control) => (
        <span className="password">
          <input
            {...control}
            className={rest.mono === true ? "input mono" : "input"}
            type={shown ? "text" : "password"}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            onKeyDown={watch}
            onKeyUp={watch}
            onBlur={() => setCapsLock(false)}
            autoComplete={autoComplete}
            autoFocus={rest.autoFocus}
            autoCapitalize="off"
            spellCheck={false}
            maxLength={1_024}
            required
          />
          <IconButton
            kind="plain"
            label={shown ? `Hide: ${label}` : `Show: ${label}`}
            aria-pressed={shown}
            icon={shown ? <EyeOff size={15} aria-hidden /> : <Eye size={15} aria-hidden />}
            onClick={() => setShown(!shown)}
          />
        </span>
      )}
    </Field>
  );
}
