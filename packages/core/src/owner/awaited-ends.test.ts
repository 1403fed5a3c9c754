import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Assign, Submit } from "../messages.ts";
import type { StepResponse } from "../run/step-result.ts";
import { TIMING_DEFAULT } from "../timing.ts";
import type { OwnerPort } from "./owner-port.ts";
import { Owner } from "./owner.ts";

const NOTHING = new Uint8Array();
const EMPTY = {
  rows: [],
  queues: [],
  shares: [{ projectId: "p", share: 1000 }],
  nextWakeMs: null,
  outbox: { names: [], more: false },
};
const RUNNER = { runner: "r", runnerIncarnation: "i" };

interface Wishes {
  readonly wantsAnswer?: boolean;
  readonly wantsEnd?: boolean;
  readonly concurrencyLimit?: number;
}

/** An owner of one partition and a runner with some slots; the record answers at once. */
class World {
  readonly asked: string[] = [];
  readonly sent: string[] = [];
  private readonly owner: Owner;
  private nowMs = 0;
  private assigned: Assign | undefined;

  constructor(slots = 2) {
    const known: Partial<OwnerPort> = {
      nowMs: () => this.nowMs,
      wallMs: () => this.nowMs,
      flushSoon: () => void this.asked.push("soon"),
      flushLater: () => void this.asked.push("later"),
      commit: () => this.owner.onCommitted({ refused: new Set(), accepts: new Map() }),
      toRunner: (_runner, kind, message) => {
        this.sent.push(kind);
        if (kind === "assign") this.assigned ??= message as Assign;
      },
      toGateway: (_gateway, kind) => void this.sent.push(kind),
    };
    const port = new Proxy(known as OwnerPort, {
      get: (all, name) => (all as unknown as Record<string | symbol, unknown>)[name] ?? (() => undefined),
    });
    this.owner = new Owner({ scheduler: "s", partitionCount: 1, timing: TIMING_DEFAULT }, port);
    for (const holds of [0, 0]) this.owner.onLease(holds, new Set([0]), new Map());
    this.owner.onTaken([0], new Map([[0, { epoch: 1, found: EMPTY }]]));
    // Limited workflows start nothing for a while after a takeover.
    for (; this.nowMs < 8_000; this.nowMs += 500) this.owner.onLease(this.nowMs, new Set([0]), new Map());
    this.owner.onHeartbeat({
      ...{ runner: "r", incarnation: "i", stampMs: this.nowMs, pool: "default", slotsTotal: slots, slotsFree: slots },
      ...{ pythonMinors: [], held: [], gone: [], warmVersions: [], draining: false, labels: [], offers: [] },
      offersSlots: false,
    });
    this.owner.onTick();
    this.owner.flush();
  }

  submit(runId: string, { wantsAnswer = false, wantsEnd = false, concurrencyLimit = 0 }: Wishes = {}): void {
    const spec = {
      ...{ projectId: "p", workflowId: "w", versionId: "v", pool: "default", pythonMinor: "", stepNames: ["a"] },
      ...{ concurrencyLimit, queueLimit: 100, runTimeoutMs: 1000 },
    };
    const input = {
      ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "http" },
      ...{ traceParent: "", traceId: "", createTimeMs: 0 },
    };
    const message: Submit = {
      ...{ partition: 0, runId, spec, input, priority: 0, idempotencyKey: "", gateway: "g", wantsAnswer, wantsEnd },
    };
    this.owner.onSubmit(message);
    this.flush();
  }

  /** The step of the first run ends; returns when its commit was asked for. */
  end(response?: StepResponse): string[] {
    const { runId, assignment } = this.assigned!;
    this.asked.length = 0;
    this.owner.onCheckpoint({
      handing: { partition: 0, runId, assignment },
      ...RUNNER,
      result: {
        ...{ path: "steps/0", name: "a", executionId: runId, exportsJson: NOTHING, returnValueJson: undefined },
        ...{ exit: undefined, failure: undefined, response, startTimeMs: 1, endTimeMs: 1, lastLogSequence: 0 },
      },
    });
    return [...this.asked];
  }

  /** As often as was asked for. */
  flush(): void {
    while (this.asked.pop() !== undefined) this.owner.flush();
  }
}

const answer = (immediate: boolean): StepResponse => ({
  ...{ status: 200, headers: [], body: NOTHING, immediate, bodyIsReference: false },
});

function endOf(wishes: Wishes, response?: StepResponse): string[] {
  const world = new World();
  world.submit("run", wishes);
  return world.end(response);
}

describe("the commit of a run's end", () => {
  it("waits for company when nobody waits for it", () => {
    assert.deepEqual(endOf({}), ["later"]);
    assert.deepEqual(endOf({ wantsAnswer: true }, answer(true)), ["later"], "its caller has been answered");
  });

  it("begins at once for a caller, and for a place in a limit", () => {
    assert.deepEqual(endOf({ wantsAnswer: true }, answer(false)), ["soon"]);
    assert.deepEqual(endOf({ wantsAnswer: true }), ["soon"], "there was no answer, which its caller is told");
    assert.deepEqual(endOf({ wantsEnd: true }), ["soon"]);
    assert.deepEqual(endOf({ concurrencyLimit: 2 }), ["soon"]);
  });

  it("begins at once when another run waits for its slot", () => {
    const world = new World(1);
    world.submit("first");
    world.submit("second");
    assert.deepEqual(world.end(), ["soon"]);
  });

  it("lets the answer go before the runner is told", () => {
    const world = new World();
    world.submit("run", { wantsAnswer: true });
    world.end(answer(false));
    world.sent.length = 0;
    world.flush();
    assert.deepEqual(world.sent.slice(0, 2), ["release", "committed"]);
  });
});
