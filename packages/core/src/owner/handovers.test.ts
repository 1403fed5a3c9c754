import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Assign, Heartbeat, PartitionRelease } from "../messages.ts";
import { TIMING_DEFAULT } from "../timing.ts";
import { Handovers } from "./handovers.ts";
import type { OwnedRun, Phase } from "./owned-run.ts";
import type { OwnerPort } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import { Owner } from "./owner.ts";
import { PartitionState } from "./partition-state.ts";
import type { LoadedRun } from "./record.ts";

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

/** An owner that takes its partition with one run in it, after what another has said that let it go. */
function takeOver(release: Partial<PartitionRelease>, concurrencyLimit = 0) {
  const assigned: Assign[] = [];
  const told: Partial<OwnerPort> = {
    nowMs: () => 0,
    wallMs: () => 0,
    commit: () => queueMicrotask(() => owner.onCommitted({ refused: new Set(), accepts: new Map() })),
    flushSoon: () => queueMicrotask(() => owner.flush()),
    flushLater: () => queueMicrotask(() => owner.flush()),
    toRunner: (_runner, kind, message) => void (kind === "assign" && assigned.push(message as Assign)),
  };
  const port = new Proxy(told as OwnerPort, {
    get: (all, name) => (all as unknown as Record<string | symbol, unknown>)[name] ?? (() => undefined),
  });
  const owner = new Owner({ scheduler: "b", partitionCount: 1, timing: TIMING_DEFAULT }, port);
  for (let i = 0; i < 2; i++) owner.onLease(0, new Set([0]), new Map());
  const by = { scheduler: "a", partition: 0, epoch: 1 };
  const silent = { owner: by, runIds: [], runners: [], places: [], knowsPlaces: true };
  owner.onReleased({ releases: [{ ...silent, ...release }] });
  const empty = { queues: [], shares: [], nextWakeMs: null, outbox: { names: [], more: false } };
  owner.onTaken([0], new Map([[0, { epoch: 2, found: { rows: [loaded(concurrencyLimit)], ...empty } }]]));
  owner.onHeartbeat(BEAT);
  const refuse = (runner: string) => {
    const handing = { partition: 0, runId: "x", assignment: 2 };
    owner.onRefused({ handing, runner, stampMs: 0, neverStarted: true, slots: 0 });
  };
  const numbers = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
    return assigned.map(({ assignment }) => assignment);
  };
  return { refuse, numbers };
}

const BEAT: Heartbeat = {
  ...{ runner: "r", incarnation: "1", stampMs: 1, pool: "default", slotsTotal: 4, slotsFree: 4 },
  ...{ pythonMinors: [], held: [], gone: [], warmVersions: [], draining: false, labels: [], offers: [] },
  offersSlots: false,
};

function loaded(concurrencyLimit: number): LoadedRun {
  const nothing = new Uint8Array();
  return {
    ...{ partition: 0, runId: "x", sequence: 1, priority: 0, parked: false, gateway: "", wantsAnswer: false },
    ...{ wantsEnd: false, state: "PENDING", assignment: 2, startTimeMs: null, wakeTimeMs: null, deaths: [], steps: [] },
    spec: {
      ...{ projectId: "p", workflowId: "w", versionId: "v", pool: "default", pythonMinor: "", stepNames: ["a"] },
      ...{ concurrencyLimit, queueLimit: 0, runTimeoutMs: 1000 },
    },
    input: {
      ...{ eventJson: nothing, contextJson: nothing, eventFallsBackToBody: false, triggerKind: "api" },
      ...{ traceParent: "", traceId: "", createTimeMs: 0 },
    },
  };
}

describe("a run whose partition changes hands", () => {
  it("waits for its runner to speak when the owner before had given it away", async () => {
    assert.deepEqual(await takeOver({ runIds: ["x"], runners: ["r"] }).numbers(), []);
  });

  it("is given away at once when that runner says that it has refused it", async () => {
    const { refuse, numbers } = takeOver({ runIds: ["x"], runners: ["r"] });
    refuse("r");
    assert.deepEqual(await numbers(), [3]);
  });

  it("waits when another runner has refused it, when nobody knows which one had it, and under a limit", async () => {
    const cases = [takeOver({ runIds: ["x"], runners: ["q"] }), takeOver({ runIds: ["x"] })];
    cases.push(takeOver({ runIds: ["x"], runners: ["r"] }, 1));
    for (const { refuse, numbers } of cases) {
      refuse("r");
      assert.deepEqual(await numbers(), []);
    }
  });

  it("is given away at once when its next number was still being committed", async () => {
    const { releases } = { releases: released(partition(1, run("x", "ASSIGNING", 0))) };
    assert.deepEqual(releases[0]!.runIds, []);
    assert.deepEqual(await takeOver(releases[0]!).numbers(), [3]);
  });
});
