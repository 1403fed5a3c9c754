import { Switch as Radix } from "radix-ui";
import { useId, type ReactNode } from "react";

export interface SwitchProps {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly disabled?: boolean;
  /** Its name in a form. */
  readonly name?: string;
}

/** Something that is on or off, with its label beside it. */
export function Switch({ label, hint, checked, onChange, disabled = false, name }: SwitchProps) {
  const id = useId();
  return (
    <div className="switch-line">
      <Radix.Root
        id={id}
        className="switch"
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        {...(name === undefined ? {} : { name })}
        {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
      >
        <Radix.Thumb className="switch-thumb" />
      </Radix.Root>
      <div>
        <label htmlFor={id}>{label}</label>
        {hint !== undefined && (
          <p id={`${id}-hint`} className="hint">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
