import { stepId, type StepFields } from "../../api/drafts.ts";
import type { Draft, DraftStep } from "../../api/generated/types.ts";
import type { Edit } from "./kept-edits.ts";

/** The settings of a draft are edited like a step. */
export const SETTINGS = "settings";

/** Somebody else's change came first. */
export interface Collision {
  readonly key: string;
  /** What it is called. */
  readonly title: string;
  readonly mine: Edit["fields"];
  /** Undefined when the other one has removed it. */
  readonly theirs: Edit["fields"] | undefined;
  readonly author: string;
  /** How often it was changed since this person was first told. */
  readonly again: number;
}

/** What typing and a draft that has changed come to. */
export type Meeting =
  /** The typing began with what there still is. */
  | { readonly is: "apart" }
  /** Both say the same. */
  | { readonly is: "same" }
  /** They concern different parts: the typing goes on as if it had begun with what there is now. */
  | { readonly is: "merged"; readonly edit: Edit }
  | { readonly is: "collision"; readonly collision: Collision };

/** Looks whether what was typed meets what somebody else has made of it. */
export function meet(key: string, edit: Edit, draft: Draft, before: Collision | undefined): Meeting {
  const found = key === SETTINGS ? undefined : (draft.steps ?? []).find((step) => stepId(step) === key);
  const settingsJson = draft.settingsJson ?? "";
  const etag = key === SETTINGS ? settingsJson : found?.etag;
  if (etag === edit.etag) return { is: "apart" };
  const theirs = key === SETTINGS ? { settingsJson } : found && fieldsOf(found);
  const mine = { ...edit.base, ...edit.fields };
  if (theirs !== undefined && etag !== undefined) {
    const typed = Object.entries(edit.fields);
    const now = theirs as Readonly<Record<string, string>>;
    if (typed.every(([field, text]) => now[field] === text)) return { is: "same" };
    const base = edit.base as Readonly<Record<string, string>>;
    if (typed.every(([field]) => now[field] === base[field]))
      return { is: "merged", edit: { ...edit, etag, base: theirs } };
  }
  const title = key === SETTINGS ? "Settings" : (found?.displayName ?? mine.displayName ?? "");
  const isKnown = before !== undefined && JSON.stringify(before.theirs) === JSON.stringify(theirs);
  const author = isKnown ? before.author : (draft.author ?? "");
  const again = before === undefined ? 0 : before.again + (isKnown ? 0 : 1);
  return { is: "collision", collision: { key, title, mine, theirs, author, again } };
}

/** What people edit of a step. */
function fieldsOf({ displayName = "", code = "", optionsJson = "" }: DraftStep): Required<StepFields> {
  return { displayName, code, optionsJson };
}
