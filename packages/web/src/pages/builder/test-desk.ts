import { draftTestPath } from "../../api/drafts.ts";
import { stream } from "../../api/event-stream.ts";
import { call, segment } from "../../api/http.ts";
import type { DeployNote, DeployStage, DraftTest, LogEntry, TestDraftResponse } from "../../api/generated/types.ts";

/** All steps, one after the other. */
export const ALL_STEPS = "";

/** A test that was started from this page. */
export interface LiveTest {
  /** Id of the step that is tested; `ALL_STEPS` for the whole draft. */
  readonly target: string;
  readonly startedMs: number;
  /** How far its preparation is; undefined once it runs. */
  readonly stage: DeployStage | undefined;
  readonly notes: readonly DeployNote[];
  /** Its run; empty as long as it has none. */
  readonly run: string;
  readonly entries: readonly LogEntry[];
  readonly running: boolean;
  readonly error: unknown;
}

export interface TestDeskView {
  /** By target: the newest one. */
  readonly live: ReadonlyMap<string, LiveTest>;
}

export interface TestDeskOptions {
  readonly workflow: string;
  /** Saves what is not saved yet: a test runs what the house has. */
  readonly beforeTest: () => Promise<void>;
  readonly onResults: (tests: readonly DraftTest[]) => void;
}

const NONE: Omit<LiveTest, "target" | "startedMs"> = {
  stage: "DEPLOY_STAGE_CHECKING",
  notes: [],
  run: "",
  entries: [],
  running: true,
  error: undefined,
};

/** Runs tests of a draft, and tells how they go. */
export class TestDesk {
  readonly #options: TestDeskOptions;
  readonly #listeners = new Set<() => void>();
  readonly #aborts = new Map<string, AbortController>();
  #view: TestDeskView = { live: new Map() };

  constructor(options: TestDeskOptions) {
    this.#options = options;
  }

  /** For `useSyncExternalStore`. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): TestDeskView => this.#view;

  /** Tests a step, or all of them, on an event. One that runs already is left to run. */
  async test(target: string, eventJson: string): Promise<void> {
    if (this.#view.live.get(target)?.running === true) return;
    const controller = new AbortController();
    this.#aborts.set(target, controller);
    this.#set(target, { ...NONE, target, startedMs: Date.now() });
    try {
      await this.#options.beforeTest();
      const { workflow } = this.#options;
      const step = target === ALL_STEPS ? "" : `workflows/${workflow}/draft/steps/${target}`;
      const body = { eventJson, ...(step !== "" && { step }) };
      const messages = stream<TestDraftResponse>("POST", draftTestPath(workflow), { body, signal: controller.signal });
      for await (const message of messages) this.#take(target, message);
      this.#set(target, { running: false, stage: undefined });
    } catch (thrown) {
      const error = controller.signal.aborted ? undefined : thrown;
      this.#set(target, { running: false, stage: undefined, error });
    }
  }

  /** Ends a test: its run is cancelled; one that is prepared still is not begun. */
  async stop(target: string): Promise<void> {
    const run = this.#view.live.get(target)?.run ?? "";
    if (run === "") this.#aborts.get(target)?.abort();
    else await call("POST", `workflows/-/runs/${segment(run.slice(run.lastIndexOf("/") + 1))}:cancel`, { body: {} });
  }

  /** Nobody looks any more; what runs, runs to its end. */
  close(): void {
    for (const controller of this.#aborts.values()) controller.abort();
  }

  #take(target: string, { stage, notes = [], run = "", entries = [], tests = [] }: TestDraftResponse): void {
    const before = this.#view.live.get(target);
    if (before === undefined) return;
    const preparing = run === "" && stage !== undefined && stage !== "DEPLOY_STAGE_UNSPECIFIED";
    this.#set(target, {
      stage: preparing ? stage : run === "" ? before.stage : undefined,
      notes: notes.length === 0 ? before.notes : [...before.notes, ...notes],
      run: run || before.run,
      entries: entries.length === 0 ? before.entries : [...before.entries, ...entries],
    });
    if (tests.length > 0) this.#options.onResults(tests);
  }

  #set(target: string, change: Partial<LiveTest>): void {
    const live = new Map(this.#view.live);
    live.set(target, { ...(live.get(target) ?? { ...NONE, target, startedMs: Date.now() }), ...change });
    this.#view = { live };
    for (const listener of this.#listeners) listener();
  }
}
