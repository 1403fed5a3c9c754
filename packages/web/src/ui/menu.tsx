import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactElement, ReactNode } from "react";
import { Link } from "react-router";

export interface MenuProps {
  /** The button that opens it. */
  readonly trigger: ReactElement;
  readonly side?: "top" | "right" | "bottom" | "left";
  readonly align?: "start" | "end";
  readonly children: ReactNode;
}

/** A menu behind a button. */
export function Menu({ trigger, side = "bottom", align = "end", children }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" side={side} align={align} sideOffset={6} collisionPadding={8}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export interface MenuItemProps {
  readonly icon?: ReactNode;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** What shows the keys for the same. */
  readonly keys?: string;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}

/** Something that a menu does. */
export function MenuItem({ icon, danger = false, disabled = false, keys, onSelect, children }: MenuItemProps) {
  return (
    <DropdownMenu.Item className={danger ? "danger" : ""} disabled={disabled} onSelect={onSelect}>
      {icon}
      <span className="menu-label">{children}</span>
      {keys !== undefined && <kbd>{keys}</kbd>}
    </DropdownMenu.Item>
  );
}

/** A place that a menu leads to. */
export function MenuLink({
  to,
  icon,
  children,
}: {
  readonly to: string;
  readonly icon?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <DropdownMenu.Item asChild>
      <Link to={to} className="menu-link">
        {icon}
        <span className="menu-label">{children}</span>
      </Link>
    </DropdownMenu.Item>
  );
}

export interface MenuChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, label: string, icon?: ReactNode])[];
  readonly onChange: (value: T) => void;
}

/** One of several, within a menu. */
export function MenuChoice<T extends string>({ label, value, options, onChange }: MenuChoiceProps<T>) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={(next) => onChange(next as T)} aria-label={label}>
      {options.map(([name, text, icon]) => (
        <DropdownMenu.RadioItem key={name} value={name}>
          {icon}
          <span className="menu-label">{text}</span>
          <DropdownMenu.ItemIndicator>
            <Check size={14} aria-hidden />
          </DropdownMenu.ItemIndicator>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

/** A heading within a menu. */
export function MenuHeading({ children }: { readonly children: ReactNode }) {
  return <DropdownMenu.Label className="menu-heading">{children}</DropdownMenu.Label>;
}

/** A line between groups of a menu. */
export function MenuSeparator() {
  return <DropdownMenu.Separator className="menu-separator" />;
}
