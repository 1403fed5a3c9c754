import type { Run, RunState, StepRun } from "../../api/generated/types.ts";

/** A stretch of a line of a timeline; milliseconds since the run was accepted. */
export interface Stretch {
  readonly kind: "work" | "start" | "wait" | "pause" | "gap";
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
  /** How long it worked; undefined when it has not begun. */
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
/** The run does not tell of a pause that is over: a shorter rest is the way from one step to the next. */
const PAUSE_MS = 900;

/** What happened when, from a run's acceptance until its end or now. */
export function timelineOf(run: Run, nowMs: number): Timeline {
  const begin = Date.parse(run.createTime!);
  const at = (time: string | undefined): number | undefined =>
    time === undefined ? undefined : Math.max(0, Date.parse(time) - begin);
  const over = run.endTime !== undefined;
  const steps = run.steps ?? [];
  const own = steps.filter(({ takenOverFrom = "" }) => takenOverFrom === "");
  const lastMs = Math.max(0, ...own.map(({ endTime, startTime }) => at(endTime) ?? at(startTime) ?? 0));
  const endMs = Math.max(at(run.endTime) ?? (over ? lastMs : nowMs - begin), lastMs, 1);
  const startMs = at(run.startTime);
  const firstMs = at(own.find(({ startTime }) => startTime !== undefined)?.startTime);
  const rows: TimelineRow[] = [triggerRow(run, startMs ?? endMs, firstMs)];
  for (const [index, step] of steps.entries()) {
    const next = steps.slice(index + 1).find(({ startTime }) => startTime !== undefined);
    rows.push(stepRow(step, { at, endMs, over, run, nextMs: at(next?.startTime) }));
  }
  return { rows, spanMs: endMs, ticksMs: ticks(endMs) };
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

interface StepContext {
  readonly at: (time: string | undefined) => number | undefined;
  readonly endMs: number;
  readonly over: boolean;
  readonly run: Run;
  /** When the next step began. */
  readonly nextMs: number | undefined;
}

function stepRow(step: StepRun, { at, endMs, over, run, nextMs }: StepContext): TimelineRow {
  const { name = "", path = "", state, runs = 0, takenOverFrom = "" } = step;
  const base = { key: path, name, step, note: runs > 1 ? `execution ${runs}` : "" };
  const fromMs = at(step.startTime);
  if (takenOverFrom !== "") return { ...base, note: "taken over", stretches: [], tookMs: undefined };
  if (fromMs === undefined) return { ...base, stretches: [], tookMs: undefined };
  const isRunning = state === "RUN_STATE_RUNNING" && !over;
  const toMs = at(step.endTime) ?? (isRunning ? endMs : fromMs);
  const work: Stretch = { kind: "work", state, fromMs, toMs, about: `Execution ${Math.max(1, runs)} of the step` };
  const restMs = nextMs ?? (state === "RUN_STATE_SUSPENDED" ? (at(run.endTime) ?? endMs) : toMs);
  const restsMs = restMs - toMs;
  const paused = state === "RUN_STATE_SUSPENDED" || restsMs >= PAUSE_MS;
  const rest: Stretch = paused
    ? { kind: "pause", fromMs: toMs, toMs: restMs, about: "Paused" }
    : { kind: "gap", fromMs: toMs, toMs: restMs, about: "Saved, and on its way to the next step" };
  return { ...base, stretches: restsMs > SHOWN_GAP_MS ? [work, rest] : [work], tookMs: toMs - fromMs };
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
