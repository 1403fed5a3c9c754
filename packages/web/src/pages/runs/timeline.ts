import type { Run, RunState, StepAttempt, StepRun } from "../../api/generated/types.ts";
import { attemptFate, wasLost } from "./attempts.ts";

/** A stretch of a line of a timeline; milliseconds since the run was accepted. */
export interface Stretch {
  readonly kind: "work" | "lost" | "start" | "wait" | "pause" | "gap";
  /** How the step is that works; undefined for what is no step's work. */
  readonly state?: RunState | undefined;
  readonly fromMs: number;
  readonly toMs: number;
  /** What it is, for who points at it. */
  readonly about: string;
}

/** A line of a timeline. */
export interface TimelineRow {
  /** Address of the step; `trigger` for the event. */
  readonly key: string;
  readonly name: string;
  /** What is to be said beside the name. */
  readonly note: string;
  readonly step: StepRun | undefined;
  readonly stretches: readonly Stretch[];
  /** How long it worked, in the attempt that counts; undefined when it has not begun. */
  readonly tookMs: number | undefined;
}

export interface Timeline {
  readonly rows: readonly TimelineRow[];
  readonly spanMs: number;
  /** Where the axis has its marks. */
  readonly ticksMs: readonly number[];
}

/** Between two steps there is always a moment; from here on it is worth being shown. */
const SHOWN_GAP_MS = 25;

/** What the lines of a timeline have in common. */
interface Context {
  readonly at: (time: string | undefined) => number | undefined;
  /** The end of the run, or now. */
  readonly endMs: number;
  readonly run: Run;
}

/** What happened when, from a run's acceptance until its end or now. */
export function timelineOf(run: Run, nowMs: number): Timeline {
  const begin = Date.parse(run.createTime!);
  const at = (time: string | undefined): number | undefined =>
    time === undefined ? undefined : Math.max(0, Date.parse(time) - begin);
  const steps = run.steps ?? [];
  const own = steps.filter(({ takenOverFrom = "" }) => takenOverFrom === "");
  const lastMs = Math.max(0, ...own.map((step) => lastOf(step, at)));
  const over = run.endTime !== undefined;
  const endMs = Math.max(at(run.endTime) ?? (over ? lastMs : nowMs - begin), lastMs, 1);
  const context = { at, endMs, run };
  const firstMs = own.map((step) => beganAt(step, at)).find((ms) => ms !== undefined);
  const rows: TimelineRow[] = [triggerRow(run, at(run.startTime) ?? endMs, firstMs)];
  for (const [index, step] of steps.entries()) {
    const nextMs = steps
      .slice(index + 1)
      .map((next) => beganAt(next, at))
      .find((ms) => ms !== undefined);
    const beforeMs = own
      .slice(0, own.indexOf(step))
      .reduce((last, each) => Math.max(last, lastOf(each, at)), at(run.startTime) ?? 0);
    rows.push(stepRow(step, context, beforeMs, nextMs));
  }
  return { rows, spanMs: endMs, ticksMs: ticks(endMs) };
}

/** When a step was tried first. */
function beganAt({ attempts = [], startTime }: StepRun, at: Context["at"]): number | undefined {
  const [first] = attempts;
  return at(first === undefined ? startTime : (first.startTime ?? first.endTime));
}

/** The last time that is known of a step. */
function lastOf({ attempts = [], startTime, endTime }: StepRun, at: Context["at"]): number {
  return at(endTime) ?? at(startTime) ?? at(attempts.at(-1)?.endTime) ?? 0;
}

function triggerRow(run: Run, startMs: number, firstMs: number | undefined): TimelineRow {
  const stretches: Stretch[] = [
    { kind: "wait", fromMs: 0, toMs: startMs, about: "In the queue: from its acceptance to its start" },
  ];
  if (firstMs !== undefined && firstMs > startMs) {
    const about = "Start: an environment is found or made";
    stretches.push({ kind: "start", fromMs: startMs, toMs: firstMs, about });
  }
  const note = run.triggerKind ?? "";
  return { key: "trigger", name: "trigger", note, step: undefined, stretches, tookMs: firstMs ?? startMs };
}

function stepRow(step: StepRun, context: Context, beforeMs: number, nextMs: number | undefined): TimelineRow {
  const { name = "", path = "", takenOverFrom = "" } = step;
  const base = { key: path, name, step, note: noteOf(step) };
  if (takenOverFrom !== "") return { ...base, note: "taken over", stretches: [], tookMs: undefined };
  const tries = triesOf(step, context, beforeMs);
  const last = tries.findLast(({ kind }) => kind === "work" || kind === "lost");
  if (last === undefined) return { ...base, stretches: [], tookMs: undefined };
  return {
    ...base,
    stretches: [...tries, ...restOf(step, context, last.toMs, nextMs)],
    tookMs: last.toMs - last.fromMs,
  };
}

function noteOf({ runs = 0, attempts = [], attemptsLeftOut = 0 }: StepRun): string {
  if (runs > 1) return `${runs} executions`;
  const count = attempts.length + attemptsLeftOut;
  return count > 1 ? `${count} attempts` : "";
}

/** The attempts of a step one after the other, the one that is under way too, and what lies between them. */
function triesOf(step: StepRun, { at, endMs, run }: Context, beforeMs: number): Stretch[] {
  const { state, attempts = [], startTime, endTime } = step;
  const isRunning = state === "RUN_STATE_RUNNING" && run.endTime === undefined;
  const stretches: Stretch[] = [];
  let [untilMs, execution] = [beforeMs, 1];
  const add = (stretch: Omit<Stretch, "fromMs"> & { readonly fromMs: number | undefined }, next: number): void => {
    const fromMs = Math.min(Math.max(stretch.fromMs ?? untilMs, 0), stretch.toMs);
    if (stretches.length > 0 && fromMs - untilMs > SHOWN_GAP_MS) {
      const isPause = next > execution;
      const about = isPause ? "Paused until it was executed again" : "Until another runner had the run";
      stretches.push({ kind: isPause ? "pause" : "wait", fromMs: untilMs, toMs: fromMs, about });
    }
    stretches.push({ ...stretch, fromMs });
    [untilMs, execution] = [stretch.toMs, next];
  };
  for (const attempt of attempts) {
    add(
      tryOf(attempt, state, { fromMs: at(attempt.startTime), toMs: at(attempt.endTime) ?? endMs }),
      attempt.execution ?? 1,
    );
  }
  // What gave a run up that kills what runs it has a moment, and was no attempt.
  if (attempts.length === 0 && startTime !== undefined) {
    add({ kind: "work", state, fromMs: at(startTime), toMs: at(endTime) ?? endMs, about: "Attempt 1" }, 1);
  }
  // When it began will be known when it has ended; until then it is shown from where it can have begun.
  if (isRunning) {
    const again = at(step.pause?.endTime);
    const next = again === undefined ? execution : execution + 1;
    add({ kind: "work", state, fromMs: again, toMs: endMs, about: "Under way" }, next);
  }
  return stretches;
}

function tryOf(
  attempt: StepAttempt,
  state: RunState | undefined,
  times: { readonly fromMs: number | undefined; readonly toMs: number },
): Omit<Stretch, "fromMs"> & { readonly fromMs: number | undefined } {
  const about = `Attempt ${attempt.number}: ${attemptFate(attempt)}`;
  const failed = attempt.outcome === "STEP_ATTEMPT_OUTCOME_FAILED";
  if (wasLost(attempt)) return { kind: "lost", ...times, about };
  const shown = failed ? "RUN_STATE_FAILED" : state === "RUN_STATE_SUSPENDED" ? state : "RUN_STATE_SUCCEEDED";
  return { kind: "work", state: shown, ...times, about };
}

/** What lies between a step and the next one. */
function restOf({ pause }: StepRun, { at, endMs }: Context, workedMs: number, nextMs: number | undefined): Stretch[] {
  const stretches: Stretch[] = [];
  let fromMs = workedMs;
  if (pause !== undefined) {
    const toMs = at(pause.endTime) ?? Math.min(endMs, at(pause.wakeTime) ?? endMs);
    const about = pause.endTime === undefined ? "Paused, and still so" : "Paused";
    if (toMs > fromMs) stretches.push({ kind: "pause", fromMs, toMs, about });
    fromMs = Math.max(fromMs, toMs);
  }
  if (nextMs === undefined || nextMs - fromMs <= SHOWN_GAP_MS) return stretches;
  const rest: Stretch =
    pause === undefined
      ? { kind: "gap", fromMs, toMs: nextMs, about: "Saved, and on its way to the next step" }
      : { kind: "wait", fromMs, toMs: nextMs, about: "Until a runner had the run again" };
  return [...stretches, rest];
}

const NICE = [1, 2, 5];

/** Marks at round times, four to eight of them. */
export function ticks(spanMs: number): readonly number[] {
  const units = [1, 1_000, 60_000, 3_600_000, 86_400_000];
  const steps = units.flatMap((unit, place) => {
    const factors =
      place === 0 || place === 4 ? [1, 10, 100].flatMap((ten) => NICE.map((n) => n * ten)) : [1, 2, 5, 10, 15, 30];
    return factors.map((factor) => factor * unit);
  });
  const step = steps.find((each) => spanMs / each <= 6) ?? spanMs / 5;
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
}
