import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { NavLink } from "react-router";
import "./tabs.css";

export interface Tab<T extends string> {
  readonly value: T;
  readonly label: ReactNode;
  readonly content: ReactNode;
}

export interface TabsProps<T extends string> {
  /** What the tabs are of: read aloud. */
  readonly label: string;
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly tabs: readonly Tab<T>[];
}

/** Parts of one place, of which one is shown. */
export function Tabs<T extends string>({ label, value, onChange, tabs }: TabsProps<T>) {
  return (
    <Radix.Root value={value} onValueChange={(next) => onChange(next as T)}>
      <Radix.List className="tab-bar" aria-label={label}>
        {tabs.map(({ value: name, label: text }) => (
          <Radix.Trigger key={name} value={name} className="tab">
            {text}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map(({ value: name, content }) => (
        <Radix.Content key={name} value={name} className="tab-content">
          {content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}

/** Tabs that are pages of their own, with an address each. */
export function TabLinks({
  label,
  links,
}: {
  readonly label: string;
  readonly links: readonly (readonly [to: string, text: string])[];
}) {
  return (
    <nav className="tab-bar" aria-label={label}>
      {links.map(([to, text]) => (
        <NavLink key={to} to={to} end className="tab">
          {text}
        </NavLink>
      ))}
    </nav>
  );
}
