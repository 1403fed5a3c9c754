import { useEffect, useState } from "react";
import { Dialog } from "../../ui/dialog.tsx";
import { Button } from "../../ui/button.tsx";
import { useBuilder } from "./builder-context.ts";
import type { Collision } from "./collision.ts";
import { personOf } from "./author.ts";
import { Compare } from "./compare.tsx";
import type { DraftSession } from "./draft-session.ts";
import "./changes.css";

/** Two people have changed the same: both are shown, and this one chooses. */
export function CollisionDialog() {
  const { view, session } = useBuilder();
  const [first] = view.collisions;
  return first === undefined ? null : <OpenDialog key={first.key} first={first} session={session} />;
}

/** So long nobody decides about something that has just changed under their eyes. */
const LOOK_MS = 1_500;

function OpenDialog({ first, session }: { readonly first: Collision; readonly session: DraftSession }) {
  const { theirs, author, title, again } = first;
  const [seen, setSeen] = useState(again);
  useEffect(() => {
    const timer = setTimeout(() => setSeen(again), LOOK_MS);
    return () => clearTimeout(timer);
  }, [again]);
  const isNew = seen !== again;
  const who = personOf(author);
  return (
    <Dialog
      open
      // It stays until somebody has chosen: nothing is lost silently.
      onOpenChange={() => undefined}
      title={`${who} has changed “${title}” first`}
      about={
        theirs === undefined
          ? "It was removed while you were typing. What you have typed is still here."
          : "What you have typed is not saved yet. Left is what it is now, right is yours."
      }
      size="large"
    >
      <p role="alert" className="again">
        {again > 0 && `${who} has changed it again: what you see is the newest.`}
      </p>
      <Compare before={textOf(theirs)} after={textOf(first.mine)} />
      <footer>
        <Button disabled={isNew} onClick={() => session.settle(first.key, "theirs")}>
          {theirs === undefined ? "Let it go" : "Take theirs"}
        </Button>
        <Button kind="primary" disabled={isNew} onClick={() => session.settle(first.key, "mine")}>
          {theirs === undefined ? "Add mine as a step" : "Keep mine"}
        </Button>
      </footer>
    </Dialog>
  );
}

/** What of a step, or of the settings, people compare. */
function textOf(fields: Collision["mine"] | undefined): string {
  if (fields === undefined) return "";
  const { settingsJson, code = "", optionsJson = "", displayName = "" } = fields;
  if (settingsJson !== undefined) return JSON.stringify(JSON.parse(settingsJson), undefined, 2);
  const head = [`# name: ${displayName}`, ...(optionsJson === "" ? [] : [`# options: ${optionsJson}`])];
  return `${head.join("\n")}\n${code}`;
}
