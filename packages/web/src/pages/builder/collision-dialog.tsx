import { Dialog } from "../../ui/dialog.tsx";
import { Button } from "../../ui/button.tsx";
import { useBuilder } from "./builder-context.ts";
import type { Collision } from "./draft-session.ts";
import { Compare } from "./compare.tsx";

/** Two people have changed the same: both are shown, and this one chooses. */
export function CollisionDialog() {
  const { view, session } = useBuilder();
  const [first] = view.collisions;
  if (first === undefined) return null;
  const { theirs, author, title } = first;
  const who = author.replace(/^users\//, "").replace(/^apiKeys\/.*/, "A program");
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
      <Compare before={textOf(theirs)} after={textOf(first.mine)} />
      <footer>
        <Button onClick={() => session.settle(first.key, "theirs")}>
          {theirs === undefined ? "Let it go" : "Take theirs"}
        </Button>
        <Button kind="primary" onClick={() => session.settle(first.key, "mine")}>
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
