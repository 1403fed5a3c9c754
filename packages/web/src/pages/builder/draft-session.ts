import { sessionOver } from "../../api/connection.ts";
import { ApiError, isSignedOut } from "../../api/http.ts";
import {
  addStep,
  getDraft,
  moveStep,
  removeStep,
  restoreRevision,
  stepId,
  updateSettings,
  updateStep,
  type StepFields,
} from "../../api/drafts.ts";
import type { Draft, DraftStep } from "../../api/generated/types.ts";
import { meet, SETTINGS, type Collision } from "./collision.ts";
import { isMismatch, revision } from "./draft-etags.ts";
import { Deeds, type Deed } from "./deeds.ts";
import { UNREADY, type DraftView, type SaveState } from "./draft-view.ts";
import { loadEdits, outlivesPage, storeEdits, type Edit } from "./kept-edits.ts";
import { newsOf } from "./news-of.ts";

/** Typing is saved when it pauses for so long … */
const PAUSE_MS = 500;
/** … and at the latest after so long. */
const LATEST_MS = 3_000;
const RETRY_MS = 2_000;
const SETTINGS_TRIES = 5;

/**
 * One person's editing of a draft. What is typed is shown at once, kept in the browser, and saved a moment later, each step
 * on the condition that it still is what the typing began with; where it is not, the person is shown both.
 */
export class DraftSession {
  readonly #workflow: string;
  readonly #listeners = new Set<() => void>();
  readonly #edits = new Map<string, Edit>();
  readonly #collisions = new Map<string, Collision>();
  /** What own saves have made of each step, as long as the house has not told of the newest of them. */
  readonly #ownEtags = new Map<string, Set<string>>();
  readonly #deeds = new Deeds();
  #draft: Draft;
  #held: Draft | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirtySince = 0;
  #offline = false;
  #refusal: unknown;
  #news = "";
  #failure = "";
  /** Takes over what stands in a field that is still being filled in. */
  #unfinished: (() => void) | undefined;
  #closed = false;
  /** What this page deploys, or has deployed, is no news to it. */
  #ownVersion: number | "next" = 0;
  #view: DraftView | undefined;

  constructor(workflow: string, draft: Draft) {
    this.#workflow = workflow;
    this.#draft = draft;
    for (const [key, edit] of loadEdits(workflow)) this.#edits.set(key, edit);
    this.#collide(draft);
  }

  /** For `useSyncExternalStore`. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): DraftView => (this.#view ??= this.#makeView());

  /** Changes a step; saved a moment later. */
  edit(id: string, fields: StepFields): void {
    const base = this.#serverStep(id);
    if (base !== undefined)
      this.#put(
        id,
        { displayName: base.displayName ?? "", code: base.code ?? "", optionsJson: base.optionsJson ?? "" },
        base.etag ?? "",
        fields,
      );
  }

  /** Changes a step in a way that can be taken back; text has its own undo in the editor. */
  change(id: string, label: string, fields: StepFields): void {
    const step = this.view().steps.find((each) => stepId(each) === id);
    if (step === undefined) return;
    const before: StepFields = Object.fromEntries(
      Object.keys(fields).map((field) => [field, step[field as keyof StepFields] ?? ""]),
    );
    this.#do({ label, undo: () => this.edit(id, before), redo: () => this.edit(id, fields) });
  }

  /** Changes the settings in a way that can be taken back. */
  changeSettings(label: string, settingsJson: string): void {
    const before = this.view().settingsJson;
    const set = (json: string): void => {
      const base = this.#draft.settingsJson ?? "";
      this.#put(SETTINGS, { settingsJson: base }, base, { settingsJson: json });
    };
    this.#do({ label, undo: () => set(before), redo: () => set(settingsJson) });
  }

  /** Adds a step; the id that it was given. Throws where that cannot be. */
  async add(step: DraftStep, place: number): Promise<string> {
    let id = await this.#insert(step, place);
    const at = (this.#draft.steps ?? []).findIndex((each) => stepId(each) === id) + 1;
    this.#did({
      label: "adding a step",
      undo: () => this.#structural(() => removeStep(this.#workflow, id)),
      redo: async () => void (id = await this.#insert(step, at)),
    });
    return id;
  }

  /** Removes a step. */
  readonly remove = (id: string): Promise<void> => this.#attempt(() => this.#remove(id));

  async #remove(id: string): Promise<void> {
    const steps = this.view().steps;
    const at = steps.findIndex((each) => stepId(each) === id);
    if (at < 0) return;
    const { displayName, code, optionsJson, file } = steps[at]!;
    const step = { ...{ displayName, code, file }, ...(optionsJson && { optionsJson }) } as DraftStep;
    let now = id;
    await this.#structural(async () => {
      const draft = await removeStep(this.#workflow, now);
      this.#forget(id);
      return draft;
    });
    this.#did({
      label: "removing a step",
      undo: async () => void (now = await this.#insert(step, at + 1)),
      redo: () => this.#structural(() => removeStep(this.#workflow, now)),
    });
  }

  /** Moves a step to a place, from 1. */
  readonly move = (id: string, place: number): Promise<void> => this.#attempt(() => this.#move(id, place));

  async #move(id: string, place: number): Promise<void> {
    const from = this.view().steps.findIndex((each) => stepId(each) === id) + 1;
    if (from === 0 || from === place) return;
    const to = (target: number) => this.#structural(() => moveStep(this.#workflow, id, target));
    await to(place);
    this.#did({ label: "moving a step", undo: () => to(from), redo: () => to(place) });
  }

  readonly undo = (): Promise<void> => this.#attempt(() => this.#deeds.undo());
  readonly redo = (): Promise<void> => this.#attempt(() => this.#deeds.redo());

  /** Puts the draft that an own deed has led to in place of what there was; undo goes back to that. */
  replaced(label: string, draft: Draft): void {
    const now = (): string => String(revision(this.#draft));
    const before = now();
    this.#edits.clear();
    this.#collisions.clear();
    this.#accept(draft, false);
    let then = "";
    const restore = (to: string) => this.#structural(() => restoreRevision(this.#workflow, to, ""));
    this.#did({
      label,
      undo: async () => {
        then = now();
        await restore(before);
      },
      redo: () => restore(then),
    });
  }

  /** Says that a field is being filled in: it is unsaved, and `finish` takes it over. Undefined when it is no more. */
  typing(finish: (() => void) | undefined): void {
    if (this.#unfinished === finish) return;
    this.#unfinished = finish;
    this.#changed();
  }

  /** Ends a collision: with what was typed here, or with what the other one has made of it. */
  settle(key: string, choice: "mine" | "theirs"): void {
    const collision = this.#collisions.get(key);
    const edit = this.#edits.get(key);
    if (collision === undefined || edit === undefined) return;
    this.#forget(key);
    if (choice === "mine" && collision.theirs !== undefined) {
      const etag = key === SETTINGS ? (this.#draft.settingsJson ?? "") : (this.#serverStep(key)?.etag ?? "");
      this.#edits.set(key, { ...edit, etag, base: collision.theirs });
      this.#schedule(0);
    } else if (choice === "mine") {
      const { displayName, code, optionsJson } = collision.mine;
      const step = { displayName, code, ...(optionsJson && { optionsJson }) } as DraftStep;
      void this.#attempt(async () => void (await this.add(step, 0)));
    }
    this.#changed();
  }

  /** Saves what is not saved, now. Resolves when nothing is on its way any more. */
  async flush(): Promise<void> {
    this.#unfinished?.();
    clearTimeout(this.#timer);
    this.#refusal = undefined;
    this.#save();
    await this.#queue;
  }

  /** Saves, for what runs what the house has. Throws when that is not what was typed. */
  async ready(): Promise<void> {
    await this.flush();
    const { saveState } = this.view();
    const why = UNREADY[saveState];
    if (why !== undefined) throw new ApiError(0, why, "");
  }

  /** Takes what the house says of the draft. */
  take(draft: Draft): void {
    if (this.#waiting > 0) this.#held = draft;
    else this.#accept(draft, true);
  }

  /** Says that this page deploys; behind that, which version came of it, 0 for none. */
  deploys(version: number | "next"): void {
    this.#ownVersion = version;
  }

  dismissNews(): void {
    [this.#news, this.#failure] = ["", ""];
    this.#changed();
  }

  /** Begins to save. */
  readonly open = (): void => {
    this.#closed = false;
    if (this.#edits.size > 0) this.#schedule(0);
  };

  /** True when all that was typed is saved, or is by the time the page is gone. */
  readonly canLeave = (): boolean => {
    this.#unfinished?.();
    if (this.#edits.size === 0) return true;
    return this.#saveState() === "unsaved" && outlivesPage([...this.#edits.values()]);
  };

  /** Saves for the last time; what cannot be saved stays in the browser, for the next page. */
  close(): void {
    this.#unfinished?.();
    this.#closed = true;
    storeEdits(this.#workflow, this.#edits);
    if (this.#edits.size > 0) this.#save();
  }

  /** Somebody has signed in again: what could not be saved can be. */
  readonly signedIn = (): void => {
    if (sessionOver.get()) return;
    if (this.#edits.size > 0) this.#schedule(0);
    this.#changed();
  };

  #serverStep(id: string): DraftStep | undefined {
    return (this.#draft.steps ?? []).find((step) => stepId(step) === id);
  }

  #put(key: string, base: Edit["base"], etag: string, fields: Edit["fields"]): void {
    const before = this.#edits.get(key);
    this.#edits.set(key, {
      etag: before?.etag ?? etag,
      base: before?.base ?? base,
      fields: { ...before?.fields, ...fields },
    });
    this.#refusal = undefined;
    if (this.#dirtySince === 0) this.#dirtySince = Date.now();
    this.#schedule(Math.max(0, Math.min(PAUSE_MS, this.#dirtySince + LATEST_MS - Date.now())));
    this.#changed();
  }

  #do(deed: Deed): void {
    void deed.redo();
    this.#did(deed);
  }

  #did(deed: Deed): void {
    this.#deeds.did(deed);
    this.#changed();
  }

  async #insert(step: DraftStep, place: number): Promise<string> {
    const before = new Set((this.#draft.steps ?? []).map(stepId));
    let id = "";
    await this.#structural(async () => {
      const draft = await addStep(this.#workflow, step, place);
      id = stepId(draft.steps?.find((each) => !before.has(stepId(each))) ?? {});
      return draft;
    });
    return id;
  }

  #structural(work: () => Promise<Draft>): Promise<void> {
    this.#save();
    return this.#enqueue(async () => this.#accept(await work(), false));
  }

  /** Does what a person has asked for; says so where it cannot be done. */
  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#failure = "";
    } catch (thrown) {
      this.#failure = thrown instanceof ApiError ? thrown.message : "That did not work. Try it again.";
    }
    this.#changed();
  }

  #forget(key: string): void {
    this.#edits.delete(key);
    this.#collisions.delete(key);
  }

  /** One thing after the other; what the house tells meanwhile waits, so that own changes are not taken for another's. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    const done = this.#queue.then(work).finally(() => {
      this.#waiting -= 1;
      const held = this.#held;
      if (this.#waiting === 0 && held !== undefined) {
        this.#held = undefined;
        this.#accept(held, true);
      }
      this.#changed();
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    // What is left when the page is closed is the next page's to save.
    if (!this.#closed) this.#timer = setTimeout(() => this.#save(), afterMs);
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#dirtySince = 0;
    storeEdits(this.#workflow, this.#edits);
    for (const key of this.#edits.keys()) {
      if (!this.#collisions.has(key)) void this.#enqueue(() => this.#saveOne(key));
    }
    this.#changed();
  }

  async #saveOne(key: string): Promise<void> {
    const edit = this.#edits.get(key);
    if (edit === undefined || this.#collisions.has(key) || this.#refusal !== undefined) return;
    try {
      if (key === SETTINGS) await this.#saveSettings(edit);
      else await this.#saveStep(key, edit);
      this.#offline = false;
    } catch (thrown) {
      await this.#failed(thrown);
    }
    storeEdits(this.#workflow, this.#edits);
  }

  async #saveStep(id: string, edit: Edit): Promise<void> {
    const step = await updateStep(this.#workflow, id, edit.fields, edit.etag, this.#sending(edit));
    this.#ownEtags.set(id, (this.#ownEtags.get(id) ?? new Set()).add(step.etag ?? ""));
    const steps = (this.#draft.steps ?? []).map((each) => (stepId(each) === id ? step : each));
    this.#draft = { ...this.#draft, steps, changed: true };
    this.#saved(id, edit, step.etag ?? "", {
      displayName: step.displayName,
      code: step.code,
      optionsJson: step.optionsJson,
    } as Edit["base"]);
  }

  #sending({ fields }: Edit): { keepalive: boolean } {
    return { keepalive: this.#closed && outlivesPage(fields) };
  }

  /** The etag is that of the whole draft: a change elsewhere in it is no collision. */
  async #saveSettings(edit: Edit): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const json = edit.fields.settingsJson ?? "";
        const draft = await updateSettings(this.#workflow, json, this.#draft.etag ?? "", this.#sending(edit));
        this.#saved(SETTINGS, edit, draft.settingsJson ?? "", { settingsJson: draft.settingsJson ?? "" });
        this.#accept(draft, false);
        return;
      } catch (thrown) {
        if (!isMismatch(thrown) || tries === SETTINGS_TRIES) throw thrown;
        const draft = await getDraft(this.#workflow);
        if (draft.settingsJson !== edit.etag) throw thrown;
        this.#accept(draft, true);
      }
    }
  }

  /** What was typed while it was saved stays to be saved. */
  #saved(key: string, edit: Edit, etag: string, base: Edit["base"]): void {
    const now = this.#edits.get(key);
    if (now === edit || now === undefined) this.#edits.delete(key);
    else {
      this.#edits.set(key, { ...now, etag, base });
      this.#schedule(PAUSE_MS);
    }
  }

  async #failed(thrown: unknown): Promise<void> {
    let cause = thrown;
    if (isMismatch(thrown) || (thrown instanceof ApiError && thrown.status === 404)) {
      try {
        const draft = await getDraft(this.#workflow);
        // That is what there is now, however it looks.
        this.#ownEtags.clear();
        this.#accept(draft, true);
        this.#schedule(PAUSE_MS);
        return;
      } catch (again) {
        cause = again;
      }
    }
    // Who has to sign in first is asked to, and what was typed is saved then.
    if (isSignedOut(cause)) return;
    const status = cause instanceof ApiError ? cause.status : 0;
    if (status >= 400 && status < 500 && status !== 429) this.#refusal = cause;
    else {
      this.#offline = true;
      this.#schedule(RETRY_MS);
    }
  }

  #accept(told: Draft, foreign: boolean): void {
    if (revision(told) < revision(this.#draft)) return;
    const draft = { ...told, steps: (told.steps ?? []).map((step) => this.#orNewer(step)) };
    const isOwnVersion = this.#ownVersion === "next" || this.#ownVersion === draft.liveVersion;
    const before = isOwnVersion ? { ...this.#draft, liveVersion: draft.liveVersion ?? 0 } : this.#draft;
    if (foreign) this.#news = newsOf(before, draft) || this.#news;
    this.#draft = draft;
    this.#collide(draft);
    this.#changed();
  }

  /** What the house tells of a step may be older than what it has answered to the last save. */
  #orNewer(step: DraftStep): DraftStep {
    const id = stepId(step);
    const known = this.#serverStep(id);
    const own = this.#ownEtags.get(id);
    if (known?.etag === step.etag) this.#ownEtags.delete(id);
    return known !== undefined && known.etag !== step.etag && own?.has(step.etag ?? "") === true ? known : step;
  }

  /** Finds what was typed on something that is not there any more. */
  #collide(draft: Draft): void {
    for (const [key, edit] of this.#edits) {
      const before = this.#collisions.get(key);
      const meeting = meet(key, edit, draft, before);
      if (meeting.is === "collision") {
        this.#collisions.set(key, meeting.collision);
        continue;
      }
      this.#collisions.delete(key);
      if (meeting.is === "same") this.#edits.delete(key);
      if (meeting.is === "merged") this.#edits.set(key, meeting.edit);
      if (before !== undefined) this.#schedule(PAUSE_MS);
    }
  }

  #changed(): void {
    this.#view = undefined;
    for (const listener of this.#listeners) listener();
  }

  #makeView(): DraftView {
    const steps = (this.#draft.steps ?? []).map((step) => ({ ...step, ...this.#edits.get(stepId(step))?.fields }));
    return {
      draft: this.#draft,
      steps,
      settingsJson: this.#edits.get(SETTINGS)?.fields.settingsJson ?? this.#draft.settingsJson ?? "{}",
      unsaved: new Set(this.#edits.keys()),
      saveState: this.#saveState(),
      error: this.#refusal,
      collisions: [...this.#collisions.values()],
      news: this.#news,
      failure: this.#failure,
      undoLabel: this.#deeds.undoLabel,
      redoLabel: this.#deeds.redoLabel,
    };
  }

  #saveState(): SaveState {
    if (this.#collisions.size > 0) return "conflict";
    if (this.#edits.size > 0) {
      if (this.#refusal !== undefined) return "refused";
      if (sessionOver.get()) return "signedOut";
      if (this.#offline) return "offline";
    }
    if (this.#waiting > 0) return "saving";
    return this.#edits.size > 0 || this.#unfinished !== undefined ? "unsaved" : "saved";
  }
}
