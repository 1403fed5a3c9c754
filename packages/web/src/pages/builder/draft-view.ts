import type { Draft, DraftStep } from "../../api/generated/types.ts";
import type { Collision } from "./collision.ts";

/** How far what was typed has come. */
export type SaveState = "saved" | "unsaved" | "saving" | "offline" | "signedOut" | "conflict" | "refused";

/** Why what the house has is not what was typed. */
export const UNREADY: Partial<Record<SaveState, string>> = {
  offline: "What you have typed is not saved: the house does not answer. It is kept in this browser, and saved later.",
  signedOut: "What you have typed is not saved: your session is over. Sign in again, and it is.",
  conflict: "Somebody else has changed the same: choose what holds first.",
  refused: "What you have typed is not saved: the house refuses it. Beside “Not saved” it says why.",
};

/** A draft as it is shown: what the house has, with what was typed since. */
export interface DraftView {
  readonly draft: Draft;
  readonly steps: readonly DraftStep[];
  readonly settingsJson: string;
  readonly unsaved: ReadonlySet<string>;
  readonly saveState: SaveState;
  readonly error: unknown;
  readonly collisions: readonly Collision[];
  /** What somebody else has just done; empty for nothing. */
  readonly news: string;
  /** What this person wanted to do and could not; empty for nothing. */
  readonly failure: string;
  readonly undoLabel: string | undefined;
  readonly redoLabel: string | undefined;
}
