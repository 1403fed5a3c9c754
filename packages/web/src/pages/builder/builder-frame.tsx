import { useEffect, useState, type FormEvent } from "react";
import { BuilderHeader } from "./builder-header.tsx";
import { TRIGGER, useBuilder } from "./builder-context.ts";
import { CollisionDialog } from "./collision-dialog.tsx";
import { DeployDialog } from "./deploy-dialog.tsx";
import type { DraftSession } from "./draft-session.ts";
import { DraftNews } from "./draft-news.tsx";
import { StepList } from "./step-list.tsx";
import { StepPanel } from "./step-panel.tsx";
import { ALL_STEPS } from "./test-desk.ts";
import { TriggerPanel } from "./trigger-panel.tsx";
import { stepId } from "../../api/drafts.ts";
import "./builder.css";

/** Where fields are that are taken over when they are left. */
const FIELDS = ".setting-grid, .input-line, .name-field, .static-answer";

/** Says of a field that is being filled in that it is not saved: it is taken over when it is left, or has to be. */
function useUnfinishedFields(session: DraftSession) {
  return {
    onInput: ({ target }: FormEvent) => {
      const field = target as HTMLInputElement;
      if (!field.matches("input, textarea") || field.closest(FIELDS) === null) return;
      session.typing(() => {
        field.blur();
        field.focus({ preventScroll: true });
      });
    },
    // Behind the field's own listener, which takes over what it has.
    onBlur: () => session.typing(undefined),
  };
}

/** The builder's parts: steps on the left, what is chosen of them on the right. */
export function BuilderFrame() {
  const { view, selected, session, desk, event, workflow } = useBuilder();
  const [deploying, setDeploying] = useState(false);
  const step = view.steps.find((each) => stepId(each) === selected);
  useEffect(() => {
    document.title = `${workflow.displayName} · Builder · Millrace`;
  }, [workflow.displayName]);
  useEffect(() => {
    const listen = (pressed: KeyboardEvent): void => {
      if (!(pressed.ctrlKey || pressed.metaKey) || pressed.altKey || pressed.shiftKey) return;
      const deeds: Record<string, () => unknown> = {
        s: () => session.flush(),
        d: () => setDeploying(true),
        Enter: () => desk.test(selected === TRIGGER ? ALL_STEPS : selected, event.json),
      };
      const deed = deeds[pressed.key];
      if (deed === undefined || document.querySelector("[role=dialog], [role=alertdialog]") !== null) return;
      pressed.preventDefault();
      void deed();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [session, desk, selected, event]);
  const fields = useUnfinishedFields(session);
  return (
    <div className="builder" {...fields}>
      <BuilderHeader onDeploy={() => setDeploying(true)} />
      <DraftNews />
      <div className="builder-columns">
        <StepList />
        {step === undefined ? <TriggerPanel /> : <StepPanel key={selected} step={step} />}
      </div>
      {deploying && <DeployDialog onClose={() => setDeploying(false)} />}
      <CollisionDialog />
    </div>
  );
}
