import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode } from "react";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: "primary" | "danger" | "plain" | undefined;
  /** Shows that it is at work, and takes no second click. */
  readonly busy?: boolean | undefined;
  readonly icon?: ReactNode;
}

/** A button with a text. */
export function Button({ kind, busy = false, icon, children, className = "", disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={`button ${kind ?? ""} ${className}`}
      disabled={disabled === true || busy}
      aria-busy={busy}
      {...rest}
    >
      {busy ? <LoaderCircle size={15} className="spin" aria-hidden /> : icon}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children"> {
  /** What it does: read aloud, and shown when pointed at. */
  readonly label: string;
}

/** A button that shows a picture only. */
export function IconButton({ label, className = "", ...rest }: IconButtonProps) {
  return <Button aria-label={label} title={label} className={`icon ${className}`} {...rest} />;
}
