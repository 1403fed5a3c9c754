import { useQuery } from "@tanstack/react-query";
import { draftCheckQuery, stepId } from "../../api/drafts.ts";
import type { CheckDraftResponse, DraftProblem, DraftStep, RunState } from "../../api/generated/types.ts";
import { useBuilder } from "./builder-context.ts";
import { ALL_STEPS, type LiveTest } from "./test-desk.ts";

export interface StepState {
  /** How its newest test went or goes; undefined without any. */
  readonly state: RunState | undefined;
  /** True when it, or a step above it, has changed since. */
  readonly stale: boolean;
  readonly problems: number;
}

const NOTHING: CheckDraftResponse = {};

/** What the house objects to in the draft as it is saved, and which packages it wants; what was known before until it says. */
export function useCheck(): CheckDraftResponse {
  const { workflow, view } = useBuilder();
  const query = useQuery({
    ...draftCheckQuery(workflow.id!, view.draft.etag ?? ""),
    enabled: view.steps.length > 0,
    placeholderData: (before: CheckDraftResponse | undefined) => before,
    retry: 1,
  });
  return query.data ?? NOTHING;
}

/** Mistakes of one step: those in its file, and those at its place in the definition. */
export function problemsOf(check: CheckDraftResponse, step: DraftStep, index: number): readonly DraftProblem[] {
  return (check.problems ?? []).filter(
    ({ file = "", path = "" }) => (file !== "" && file === step.file) || path.startsWith(`steps[${index}]`),
  );
}

/** The newest test of a step that was started here; of all steps, or of it alone. */
export function useLiveTest(id: string): LiveTest | undefined {
  const { live } = useBuilder();
  const [alone, all] = [live.get(id), live.get(ALL_STEPS)];
  if (alone === undefined || all === undefined) return alone ?? all;
  return alone.startedMs > all.startedMs ? alone : all;
}

/** Whether a step, or one above it, was changed and is not saved yet. */
function useIsEdited(step: DraftStep): boolean {
  const { view } = useBuilder();
  const above = view.steps.slice(0, view.steps.findIndex((each) => each.name === step.name) + 1);
  return above.some((each) => view.unsaved.has(stepId(each)));
}

export function useStepState(step: DraftStep): StepState {
  const { tests, view } = useBuilder();
  const check = useCheck();
  const id = stepId(step);
  const live = useLiveTest(id);
  const test = tests.get(id);
  const edited = useIsEdited(step);
  const problems = problemsOf(check, step, view.steps.indexOf(step)).length;
  if (live?.running === true) return { state: "RUN_STATE_RUNNING", stale: false, problems };
  return { state: test?.result?.state, stale: test !== undefined && (test.stale === true || edited), problems };
}
