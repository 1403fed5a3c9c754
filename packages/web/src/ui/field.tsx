import { useId, type ReactNode } from "react";

/** What a control needs so that its label, hint and error belong to it. */
export interface ControlProps {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

export interface FieldProps {
  readonly label: ReactNode;
  /** Below the control: what it means. */
  readonly hint?: ReactNode;
  /** In place of the hint: what is wrong with what was typed. */
  readonly error?: string | undefined;
  readonly optional?: boolean;
  readonly children: (control: ControlProps) => ReactNode;
}

/** A control with its label, and what is to be said of it. */
export function Field({ label, hint, error, optional = false, children }: FieldProps) {
  const id = useId();
  const about = error ?? hint;
  const described = about === undefined ? undefined : `${id}-about`;
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {optional && <span className="faint optional">optional</span>}
      </label>
      {children({ id, "aria-describedby": described, "aria-invalid": error === undefined ? undefined : true })}
      {about !== undefined && (
        <span id={described} className={error === undefined ? "hint" : "hint wrong"} aria-live="polite">
          {about}
        </span>
      )}
    </div>
  );
}
