import { parseWorkflowDefinition, suits } from "@millrace/core";
import type { VersionBody } from "@millrace/store";
import type { SeenRunner } from "./runner-directory.ts";

/** Why a run does not start. */
export interface WaitReason {
  /** Stable. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** What a version asks of a runner. */
export interface PlacementWish {
  readonly pool: string;
  readonly labels: readonly string[];
  /** Such as `3.11`; empty when any will do. */
  readonly pythonMinor: string;
}

/** What a version asks of a runner. */
export function wishOf({ definition, packages }: Pick<VersionBody, "definition" | "packages">): PlacementWish {
  const { pool, labels } = parseWorkflowDefinition(definition).settings;
  return { pool, labels, pythonMinor: packages?.pythonMinor ?? "" };
}

/** What keeps runs of a version from starting, as far as the runners tell; undefined when one of them has room. */
export function waitReasonOf(wish: PlacementWish, living: readonly SeenRunner[]): WaitReason | undefined {
  const { pool, labels, pythonMinor } = wish;
  const inPool = living.map(({ heartbeat }) => heartbeat).filter((runner) => runner.pool === pool);
  if (inPool.length === 0) return { reason: "NO_RUNNER_IN_POOL", message: `no runner of the pool "${pool}" is there` };
  const labelled = inPool.filter((runner) => suits(runner, { pool, labels, pythonMinor: "" }));
  if (labelled.length === 0) {
    const message = `no runner of the pool "${pool}" has the labels ${labels.join(", ")}`;
    return { reason: "NO_RUNNER_WITH_LABELS", message };
  }
  const fit = labelled.filter((runner) => suits(runner, wish));
  if (fit.length === 0) {
    const message = `no runner of the pool "${pool}" that would fit has Python ${pythonMinor}; deploying the workflow again resolves its packages anew`;
    return { reason: "NO_RUNNER_WITH_PYTHON", message };
  }
  const open = fit.filter(({ draining }) => !draining);
  if (open.length === 0 && fit.some(({ starting }) => starting))
    return { reason: "RUNNERS_STARTING", message: `the fitting runners of the pool "${pool}" are starting` };
  if (open.length === 0)
    return { reason: "RUNNERS_DRAINING", message: `all fitting runners of the pool "${pool}" are about to stop` };
  if (open.every(({ slotsFree }) => slotsFree === 0))
    return { reason: "POOL_FULL", message: `all slots of the fitting runners of the pool "${pool}" are in use` };
  return undefined;
}
