import { CloudCheck, CloudOff, CloudUpload, CircleAlert, MoreHorizontal, Redo2, Rocket, Undo2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { discardDraft, resetDraftTests, draftTestsQuery } from "../../api/drafts.ts";
import { MOD_KEY } from "../../app/platform.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Menu, MenuItem, MenuLink, MenuSeparator } from "../../ui/menu.tsx";
import { useSave } from "../../ui/use-save.ts";
import { WorkflowTabs } from "../workflows/workflow-tabs.tsx";
import { useBuilder } from "./builder-context.ts";
import { RevisionsDialog } from "./revisions-dialog.tsx";
import type { SaveState } from "./draft-view.ts";

/** What the draft is of, how far it is saved, and the way to deploy it. */
export function BuilderHeader({ onDeploy }: { readonly onDeploy: () => void }) {
  const { workflow, view, session } = useBuilder();
  const { undoLabel, redoLabel, draft } = view;
  const live = draft.liveVersion ?? 0;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Who comes from another page stands at the heading; the router numbers the pages on the way.
    const { idx = 0 } = (history.state ?? {}) as { idx?: number };
    if (idx > 0 && document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <header className="builder-head">
      <div className="builder-title">
        <nav className="trail" aria-label="Breadcrumbs">
          <Link to="/">Workflows</Link>
        </nav>
        <h1 ref={heading} tabIndex={-1}>
          {workflow.displayName}
        </h1>
        {live > 0 ? <span className="badge mono">v{live}</span> : <span className="badge">not deployed</span>}
        {live > 0 && draft.changed === true && <span className="badge warn">undeployed changes</span>}
      </div>
      <WorkflowTabs id={workflow.id!} />
      <div className="builder-actions">
        <SaveStateText state={view.saveState} error={view.error} />
        <IconButton
          kind="plain"
          label={undoLabel === undefined ? "Nothing to undo" : `Undo ${undoLabel}`}
          icon={<Undo2 size={16} aria-hidden />}
          disabled={undoLabel === undefined}
          onClick={() => void session.undo()}
        />
        <IconButton
          kind="plain"
          label={redoLabel === undefined ? "Nothing to redo" : `Redo ${redoLabel}`}
          icon={<Redo2 size={16} aria-hidden />}
          disabled={redoLabel === undefined}
          onClick={() => void session.redo()}
        />
        <MoreMenu />
        <Button
          kind="primary"
          icon={<Rocket size={15} aria-hidden />}
          title={`${MOD_KEY}D`}
          disabled={view.steps.length === 0}
          onClick={onDeploy}
        >
          Deploy
        </Button>
      </div>
    </header>
  );
}

const STATES: Readonly<Record<SaveState, readonly [text: string, tone: string, icon: typeof CloudCheck]>> = {
  saved: ["Saved", "", CloudCheck],
  unsaved: ["Saving …", "", CloudUpload],
  saving: ["Saving …", "", CloudUpload],
  offline: ["Offline, kept in this browser", "warn", CloudOff],
  signedOut: ["Signed out, kept in this browser", "warn", CloudOff],
  conflict: ["Somebody else changed it", "bad", CircleAlert],
  refused: ["Not saved", "bad", CircleAlert],
};

function SaveStateText({ state, error }: { readonly state: SaveState; readonly error: unknown }) {
  const [text, tone, Icon] = STATES[state];
  const why = error instanceof Error ? error.message : "";
  return (
    <span role="status" className={`save-state ${tone}`} title={why || text}>
      <Icon size={15} aria-hidden />
      {why === "" ? text : `${text}: ${why}`}
    </span>
  );
}

function MoreMenu() {
  const { workflow, session, view } = useBuilder();
  const [asking, setAsking] = useState(false);
  const [looking, setLooking] = useState(false);
  const id = workflow.id!;
  const reset = useSave({
    save: () => resetDraftTests(id),
    changes: [draftTestsQuery(id).queryKey],
    done: () => "Results and files of tests are gone",
  });
  const discard = useSave({
    save: () => discardDraft(id),
    changes: [],
    then: (draft) => {
      session.replaced("discarding the changes", draft);
      setAsking(false);
    },
    done: () => "The draft is what is deployed again",
  });
  return (
    <>
      <Menu trigger={<IconButton kind="plain" label="More" icon={<MoreHorizontal size={16} aria-hidden />} />}>
        <MenuItem onSelect={() => reset.mutate()}>Forget test results and /tmp</MenuItem>
        <MenuItem onSelect={() => setLooking(true)}>What the draft was</MenuItem>
        <MenuLink to={`/workflows/${encodeURIComponent(id)}/versions`}>Versions and roll back</MenuLink>
        <MenuSeparator />
        <MenuItem
          danger
          disabled={view.draft.changed !== true || !view.draft.liveVersion}
          onSelect={() => setAsking(true)}
        >
          Discard changes
        </MenuItem>
      </Menu>
      {looking && <RevisionsDialog onClose={() => setLooking(false)} />}
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title="Discard the draft’s changes?"
        confirm="Discard changes"
        onConfirm={() => discard.mutate()}
        busy={discard.isPending}
        error={discard.error}
      >
        The draft becomes version {view.draft.liveVersion} again.
      </ConfirmDialog>
    </>
  );
}
