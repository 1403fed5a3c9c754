import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useEffect, useState } from "react";
import { compareRevisionQuery, draftRevisionsQuery, restoreRevision } from "../../api/drafts.ts";
import type { DraftRevision } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { personOf } from "./author.ts";
import { useBuilder } from "./builder-context.ts";
import { FileChanges } from "./changes.tsx";
import "../workflows/versions-page.css";
import "./changes.css";

/** What the draft was, with what has changed since, and the way back. */
export function RevisionsDialog({ onClose }: { readonly onClose: () => void }) {
  const { workflow, session } = useBuilder();
  const id = workflow.id!;
  const saved = useSaved();
  const revisions = useQuery({ ...draftRevisionsQuery(id), enabled: saved });
  const [picked, setPicked] = useState<string>();
  const list = revisions.data?.revisions ?? [];
  const chosen = list.find(({ revision }) => revision === picked) ?? list[0];
  const restore = useSave({
    save: (revision: DraftRevision) => restoreRevision(id, revision.revision!, session.view().draft.etag ?? ""),
    changes: [],
    then: (draft) => {
      session.replaced("going back to an earlier state", draft);
      onClose();
    },
    done: () => "The draft is what it was. Undo takes that back.",
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="What the draft was"
      about="The last 100 states. What somebody types within a minute is one; nothing that is deployed changes."
      size="large"
    >
      {revisions.isError && <ErrorNote error={revisions.error} onRetry={() => void revisions.refetch()} />}
      {revisions.isPending && <Skeleton rows={6} label="Loading what the draft was" />}
      {revisions.isSuccess && list.length === 0 && (
        <EmptyState title="The draft was never anything else">
          Each change of it keeps what was before. It is listed here, to be compared and gone back to.
        </EmptyState>
      )}
      {chosen !== undefined && (
        <div className="revision-columns">
          <nav className="version-list" aria-label="What the draft was">
            {list.map((revision) => (
              <button
                key={revision.revision}
                type="button"
                aria-current={revision === chosen ? "true" : undefined}
                onClick={() => setPicked(revision.revision)}
              >
                <Ago time={revision.createTime} />
                <span className="muted">{personOf(revision.author)}</span>
              </button>
            ))}
          </nav>
          <Since revision={chosen} />
        </div>
      )}
      {restore.isError && <ErrorNote error={restore.error} />}
      <footer>
        <Button onClick={onClose}>Close</Button>
        <Button
          kind="primary"
          icon={<RotateCcw size={15} aria-hidden />}
          disabled={chosen === undefined || restore.isPending}
          onClick={() => restore.mutate(chosen!)}
        >
          Go back to this
        </Button>
      </footer>
    </Dialog>
  );
}

/** What is not saved yet is saved first: it is what one comes back to. */
function useSaved(): boolean {
  const { session } = useBuilder();
  const [saved, setSaved] = useState(false);
  useEffect(() => {
    void session.flush().finally(() => setSaved(true));
  }, [session]);
  return saved;
}

function Since({ revision: { revision = "" } }: { readonly revision: DraftRevision }) {
  const { workflow, view } = useBuilder();
  const compare = useQuery(compareRevisionQuery(workflow.id!, revision, view.draft.etag ?? ""));
  const files = compare.data?.files ?? [];
  return (
    <section className="revision-changes" aria-label="What has changed since" aria-busy={compare.isPending}>
      <p className="muted">Left is what it was, right what the draft is now.</p>
      {compare.isError && <ErrorNote error={compare.error} onRetry={() => void compare.refetch()} />}
      {compare.isPending && <Skeleton rows={4} label="Comparing" />}
      {compare.isSuccess && files.length === 0 && <p className="muted">Nothing: it is the same.</p>}
      <FileChanges files={files} />
    </section>
  );
}
