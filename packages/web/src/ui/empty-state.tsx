import type { ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";

export interface EmptyStateProps {
  readonly title: string;
  readonly children: ReactNode;
  /** The same on the command line. */
  readonly command?: string;
  readonly action?: ReactNode;
}

/** Says why there is nothing, and what to do next. */
export function EmptyState({ title, children, command, action }: EmptyStateProps) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p>{children}</p>
      {action}
      {command !== undefined && (
        <div className="command">
          <code>{command}</code>
          <CopyButton text={command} label="Copy the command" />
        </div>
      )}
    </div>
  );
}
