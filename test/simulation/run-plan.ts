import type { PauseKind } from "@millrace/core";
import type { Random } from "./random.ts";
import type { ScenarioKind } from "./simulation.ts";

/** Two workflows, in partition 0 and 1; the first has concurrency limit 1. */
export const LIMITED = 0;

/** How a simulated run pauses, and what ends the pause. */
export interface PausePlan {
  readonly step: number;
  readonly kind: PauseKind;
  readonly sleepMs: number;
  readonly onTimeout: "RESUME" | "CANCEL";
  readonly maxRetries: number;
  /** When somebody who has the link acts, counted from the acknowledgement; null for never. */
  readonly linkMs: number | null;
  readonly linkAction: "RESUME" | "CANCEL";
}

/** What a simulated run does. */
export interface RunPlan {
  /** Also its partition. */
  readonly workflow: number;
  readonly pool: string;
  readonly durationsMs: readonly number[];
  /** Steps that write to a data store. */
  readonly writes: readonly boolean[];
  /** The step that answers. */
  readonly respond: number | null;
  readonly pause: PausePlan | null;
  /** The step that starts another workflow, and what that does. */
  readonly child: { readonly step: number; readonly plan: RunPlan } | null;
  readonly cancelMs: number | null;
  readonly priority: number;
  /** Of its workflow, as its version says; 0 for the default. */
  readonly queueLimit: number;
  /** Idempotency key; empty for none. */
  readonly key: string;
}

/** A run that a client submits in a scenario of some kind. */
export function planSubmitted(random: Random, key: string, kind: ScenarioKind, pools: readonly string[]): RunPlan {
  const plan = planRun(random, key, pools);
  if (kind === "limit") {
    const cancelMs = plan.cancelMs ?? random.choice([null, random.uniform(500, 9000)]);
    // Long enough to outlive what its owner knows of it.
    const durationsMs = plan.durationsMs.map((durationMs) => 2000 + 2 * durationMs);
    return { ...plan, workflow: LIMITED, pool: pools[0]!, pause: null, durationsMs, cancelMs };
  }
  if (kind !== "pause" || !plan.pause || plan.pause.kind === "CHILD") return plan;
  return { ...plan, pause: { ...plan.pause, linkMs: plan.pause.linkMs ?? random.uniform(50, 4000) } };
}

/** A run of a workflow of one to three steps. */
function planRun(random: Random, key: string, pools: readonly string[], isChild = false): RunPlan {
  const steps = random.integer(1, isChild ? 2 : 3);
  const each = <T>(make: () => T) => Array.from({ length: steps }, make);
  const pause = planPause(random, steps, isChild);
  const starts = !isChild && (pause?.kind === "CHILD" || random.next() < 0.15);
  const step = pause?.kind === "CHILD" ? pause.step : random.integer(0, steps - 1);
  const workflow = random.choice([LIMITED, LIMITED, 1]);
  return {
    workflow,
    pool: pools[workflow % pools.length]!,
    durationsMs: each(() => random.choice([20, 300, 1000, isChild ? 300 : 4000]) * random.uniform(0.5, 1.5)),
    writes: each(() => random.integer(0, 1) === 1),
    respond: isChild ? null : random.choice([null, random.integer(0, steps - 1)]),
    pause,
    child: starts ? { step, plan: planRun(random, "", pools, true) } : null,
    cancelMs: isChild ? null : random.choice([null, null, random.uniform(50, 6000)]),
    priority: random.choice([0, 0, 1]),
    queueLimit: random.choice([0, 0, 1]),
    key: isChild ? "" : random.choice(["", key]),
  };
}

/** Steps whose results a run takes over from an earlier one, when it replays one: never those that something is planned for. */
export function takenBy({ durationsMs, respond, pause, child }: RunPlan): number {
  const planned = Math.min(respond ?? Infinity, pause?.step ?? Infinity, child?.step ?? Infinity);
  const replays = Math.floor(durationsMs[0]!) % 3 === 0;
  return replays ? Math.min(durationsMs.length - 1, planned) : 0;
}

/** A short run of a workflow without limit, one of many that come at once. */
export function planLoad(random: Random, pools: readonly string[]): RunPlan {
  const workflow = random.choice([1, 2, 3, 4]);
  const durationsMs = Array.from({ length: random.integer(1, 3) }, () => random.uniform(20, 600));
  return {
    ...{ workflow, pool: pools[workflow % pools.length]!, durationsMs, writes: durationsMs.map(() => false) },
    ...{ respond: null, pause: null, child: null, cancelMs: null, key: "", priority: 0, queueLimit: 0 },
  };
}

function planPause(random: Random, steps: number, isChild: boolean): PausePlan | null {
  if (random.next() < 0.4) return null;
  const kind = random.choice<PauseKind>(isChild ? ["DELAY"] : ["DELAY", "SUSPEND", "RERUN", "CHILD"]);
  return {
    step: random.integer(0, steps - 1),
    kind,
    // A child has all the time that it needs: one that is given up is another matter.
    sleepMs: kind === "CHILD" ? 300_000 : random.choice([random.uniform(100, 4000), random.uniform(5000, 9000)]),
    onTimeout: kind === "SUSPEND" || kind === "CHILD" ? random.choice(["RESUME", "CANCEL"]) : "RESUME",
    maxRetries: kind === "RERUN" ? random.integer(0, 2) : 0,
    linkMs: random.choice([null, random.uniform(50, 12_000)]),
    linkAction: random.choice(["RESUME", "RESUME", "CANCEL"]),
  };
}
