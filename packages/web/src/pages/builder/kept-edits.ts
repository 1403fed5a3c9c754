import type { StepFields } from "../../api/drafts.ts";

type Fields = StepFields & { readonly settingsJson?: string };

/** What was typed into a step, or into the settings, and is not saved yet. */
export interface Edit {
  /** What the typing began with. */
  readonly etag: string;
  readonly base: Fields;
  readonly fields: Fields;
}

const PREFIX = "millrace.draft.";
const KEEPALIVE_BYTES_MAX = 48 * 1024;

/** What an earlier page of this browser could not save. */
export function loadEdits(workflow: string): readonly (readonly [string, Edit])[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PREFIX + workflow) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isEntry) : [];
  } catch {
    return [];
  }
}

/** Keeps what is not saved yet in the browser, so that it outlives the page. */
export function storeEdits(workflow: string, edits: ReadonlyMap<string, Edit>): void {
  try {
    if (edits.size === 0) localStorage.removeItem(PREFIX + workflow);
    else localStorage.setItem(PREFIX + workflow, JSON.stringify([...edits]));
  } catch {
    // Storage is full or forbidden: what was typed lasts until the page is left.
  }
}

/** Whether something can still be sent by a page that is left: browsers allow 64 KiB in all. */
export function outlivesPage(what: unknown): boolean {
  return new TextEncoder().encode(JSON.stringify(what)).length < KEEPALIVE_BYTES_MAX;
}

function isEntry(entry: unknown): entry is readonly [string, Edit] {
  if (!Array.isArray(entry)) return false;
  const [key, edit] = entry as [unknown, Partial<Edit> | null];
  return typeof key === "string" && typeof edit?.etag === "string" && typeof edit.fields === "object";
}
