import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PartitionRelease } from "../messages.ts";
import { TIMING_DEFAULT } from "../timing.ts";
import { Handovers } from "./handovers.ts";
import type { OwnedRun, Phase } from "./owned-run.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";

const NOW_MS = 100_000;

function partition(epoch: number, ...runs: OwnedRun[]): PartitionState {
  const part = new PartitionState({ scheduler: `s${epoch}`, partition: 0, epoch }, 0, { runs: 8, bytes: 1e6 });
  for (const run of runs) part.runs.set(run.runId, run);
  return part;
}

function run(runId: string, phase: Phase, concurrencyLimit: number): OwnedRun {
  const spec = { workflowId: `of ${runId}`, concurrencyLimit };
  return { runId, phase, partition: 0, assignment: 2, spec } as OwnedRun;
}

/** What the owner of a partition says when it lets it go. */
function released(part: PartitionState): readonly PartitionRelease[] {
  const told: PartitionRelease[] = [];
  const port = {
    nowMs: () => NOW_MS,
    tellReleased: ({ releases }: { releases: PartitionRelease[] }) => void told.push(...releases),
  };
  const state = { owned: new Map([[0, part]]), drop: () => undefined, port, timing: TIMING_DEFAULT };
  new Handovers(state as unknown as OwnerState).release([0]);
  return told;
}

/** The places that the next owner keeps free for environments that may still live, by workflow. */
function lingering(part: PartitionState, releases: readonly PartitionRelease[]): string[] {
  const state = { owned: new Map(), port: { nowMs: () => NOW_MS }, timing: TIMING_DEFAULT, giveUp: () => undefined };
  const handovers = new Handovers(state as unknown as OwnerState);
  handovers.onReleased(releases);
  handovers.apply(part);
  return [...part.workflows.values()].filter(({ linger }) => linger.size > 0).map(({ workflowId }) => workflowId);
}

describe("a partition that changes hands", () => {
  it("keeps the place of a run whose cancel is being committed: it may be over, and its environment alive", () => {
    const releases = released(partition(4, run("limited", "CANCELLING", 1), run("free", "CANCELLING", 0)));
    assert.deepEqual(lingering(partition(5), releases), ["of limited"]);
  });

  it("counts that place once when the cancel came to nothing", () => {
    const releases = released(partition(4, run("limited", "CANCELLING", 1)));
    assert.deepEqual(lingering(partition(5, run("limited", "DOUBT", 1)), releases), []);
  });

  it("believes nobody but the owner before", () => {
    const releases = released(partition(4, run("limited", "CANCELLING", 1)));
    assert.deepEqual(lingering(partition(6), releases), []);
  });
});
