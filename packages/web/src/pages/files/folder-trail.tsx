import { ChevronRight } from "lucide-react";
import { Fragment } from "react";

export interface FolderTrailProps {
  /** Path of the directory, with a slash at its end; empty for the root. */
  readonly directory: string;
  readonly onEnter: (path: string) => void;
}

/** The directories above the one that is shown, each a way back. */
export function FolderTrail({ directory, onEnter }: FolderTrailProps) {
  const parts = directory.split("/").filter((part) => part !== "");
  const paths = parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
  return (
    <nav className="list-bar folder-trail" aria-label="Directory">
      <button type="button" onClick={() => onEnter("")} aria-current={parts.length === 0 ? "page" : undefined}>
        All files
      </button>
      {parts.map((part, index) => (
        <Fragment key={paths[index]}>
          <ChevronRight size={14} aria-hidden />
          <button
            type="button"
            className="truncate"
            onClick={() => onEnter(paths[index]!)}
            aria-current={index === parts.length - 1 ? "page" : undefined}
          >
            {part}
          </button>
        </Fragment>
      ))}
    </nav>
  );
}
