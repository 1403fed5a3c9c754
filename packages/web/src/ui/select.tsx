import { ChevronDown } from "lucide-react";
import type { SelectHTMLAttributes } from "react";

export interface SelectProps<T extends string> extends Omit<
  SelectHTMLAttributes<HTMLSelectElement>,
  "onChange" | "value"
> {
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly options: readonly (readonly [value: T, label: string])[];
}

/** One of several: the browser's own list, which every keyboard, phone and screen reader knows. */
export function Select<T extends string>({ value, onChange, options, className = "", ...rest }: SelectProps<T>) {
  return (
    <span className={`select ${className}`}>
      <select className="input" value={value} onChange={(event) => onChange(event.target.value as T)} {...rest}>
        {options.map(([name, label]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
      <ChevronDown size={14} aria-hidden />
    </span>
  );
}
