import { parseStepPath, parseStepRun, stepPath, type messages } from "@millrace/core";
import type { RunPlan } from "./run-plan.ts";
import type { SimulatedRunner } from "./simulated-runner.ts";

/** One run in one assignment, executing on a simulated worker. */
export interface Environment {
  readonly runId: string;
  readonly assignment: number;
  readonly handing: messages.Handing;
  readonly plan: RunPlan;
  readonly runner: SimulatedRunner;
  readonly runnerIncarnation: number;
  readonly workerIncarnation: number;
  /** Killed at the end of its life: its workflow has a limit. */
  readonly kills: boolean;
  alive: boolean;
  done: boolean;
  /** The end of its life by the runner's last word; what the monitor goes by. */
  untilMs: number;
  /** The same as the worker has heard it. */
  deadlineMs: number;
  /** A step that waits for a renewal. */
  next: number | undefined;
  step: number;
  /** Address of the first step run here, when that is not simply its step's. */
  readonly turnPath: string | undefined;
  execution: string;
  /** A data-store write under way: what goes on after it. */
  write: { operation: string; restMs: number } | undefined;
  written: string | undefined;
}

/** The address of a step run in an environment. */
export function pathOf({ turnPath }: Environment, step: number): string {
  return turnPath !== undefined && parseStepPath(turnPath) === step ? turnPath : stepPath(step);
}

/** True when the run pauses at the end of this step run; one that was executed again often enough goes on. */
export function pausesAt(environment: Environment, step: number): boolean {
  const { pause } = environment.plan;
  if (pause?.step !== step) return false;
  return pause.kind !== "RERUN" || parseStepRun(pathOf(environment, step)).runs <= pause.maxRetries;
}
