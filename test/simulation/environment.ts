import type { messages } from "@millrace/core";
import type { RunPlan } from "./client.ts";
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
  execution: string;
  /** A data-store write under way: what goes on after it. */
  write: { operation: string; restMs: number } | undefined;
  written: string | undefined;
}
