import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { usesQuery } from "../api/resources.ts";
import { segment } from "../api/http.ts";
import type { UsePlace, WorkflowUse } from "../api/generated/types.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorNote } from "./note.tsx";
import { Skeleton } from "./skeleton.tsx";
import "./uses-dialog.css";

export interface UsesDialogProps {
  /** Such as `variables/REGION`. */
  readonly target: string;
  readonly title: string;
  readonly onClose: () => void;
}

/** Which workflows use a variable, an account or a data store, and where in them. */
export function UsesDialog({ target, title, onClose }: UsesDialogProps) {
  const query = useInfiniteQuery(usesQuery(target));
  const uses = query.data?.pages.flatMap((page) => page.uses ?? []) ?? [];
  const unknown = query.data?.pages[0]?.unknownCount ?? 0;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title}
      about="In live versions, as their deploy has found it, and in drafts, as they were checked last."
    >
      {query.isError && <ErrorNote error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={3} label="Loading where it is used" />}
      {query.isSuccess && uses.length === 0 && (
        <p className="muted">
          No workflow uses it{target.startsWith("variables/") && " by a name that stands in its code"}.
        </p>
      )}
      <ul className="uses">
        {uses.map((use) => (
          <UseItem key={use.workflow} use={use} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
      {unknown > 0 && (
        <p className="muted">
          {unknown === 1 ? "One workflow was" : `${unknown} workflows were`} deployed by an earlier release: what they
          read is known from their next deploy on.
        </p>
      )}
    </Dialog>
  );
}

function UseItem({ use: { workflow = "", displayName, live = [], draft = [] } }: { readonly use: WorkflowUse }) {
  const base = `/workflows/${segment(workflow.slice(workflow.indexOf("/") + 1))}`;
  return (
    <li>
      <Link to={base}>{displayName}</Link>
      {live.length > 0 && <Places base={base} label="live" places={live} />}
      {draft.length > 0 && <Places base={base} label="draft" places={draft} />}
    </li>
  );
}

interface PlacesProps {
  readonly base: string;
  readonly label: string;
  readonly places: readonly UsePlace[];
}

function Places({ base, label, places }: PlacesProps) {
  return (
    <p>
      <span className={label === "live" ? "badge good" : "badge"}>{label}</span>
      {places.map(({ step = "", file, line = 0 }) => {
        const text = line === 0 ? step : `${step === "" ? file : step}:${line}`;
        const query = new URLSearchParams({ at: step, ...(line > 0 && { line: String(line) }) });
        return step === "" ? (
          <span key={text} className="mono faint">
            {text}
          </span>
        ) : (
          <Link key={text} className="mono" to={`${base}/build?${query.toString()}`}>
            {text}
          </Link>
        );
      })}
    </p>
  );
}
