import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer, Assign, Committed, Owner, Refused } from "../messages.ts";
import type { StepResult } from "../run/step-result.ts";
import { TIMING_DEFAULT } from "../timing.ts";
import { Holdings } from "./holdings.ts";
import type { HoldingsPort } from "./holdings-port.ts";

const BEFORE: Owner = { scheduler: "a", partition: 0, epoch: 1 };
const AFTER: Owner = { scheduler: "b", partition: 0, epoch: 2 };

/** A runner with so many slots, and what it has refused. */
function world(slotsTotal: number, shortRunsMax = slotsTotal) {
  const refused: Refused[] = [];
  const answers: Answer[] = [];
  const clock = { ms: 1 };
  const told: Partial<HoldingsPort> = {
    nowMs: () => clock.ms,
    describe: () => ({ slotsTotal, shortRunsMax, pythonMinors: [], warmVersions: [], ready: true }),
    refuse: (message) => void refused.push(message),
    answer: (_gateway, message) => void answers.push(message),
  };
  const port = new Proxy(told as HoldingsPort, {
    get: (all, name) => (all as unknown as Record<string | symbol, unknown>)[name] ?? (() => undefined),
  });
  const holdings = new Holdings(
    { runner: "r", incarnation: "1", pool: "default", labels: [], timing: TIMING_DEFAULT },
    port,
  );
  holdings.onTick();
  return { holdings, refused, answers, clock };
}

function assign(runnerIncarnation: string): Assign {
  const message: Partial<Assign> = {
    ...{ owner: BEFORE, runId: "x", assignment: 1, runnerIncarnation, stampMs: 1, gateway: "", waiting: 0 },
    spec: { projectId: "p", concurrencyLimit: 0 } as Assign["spec"],
  };
  return message as Assign;
}

describe("a refused assignment", () => {
  it("is refused once more to the next owner of its partition, who may be the first to hear it", () => {
    const { holdings, refused } = world(0);
    holdings.onAssign(assign("1"));
    assert.equal(refused.length, 1);
    holdings.onOwnersMoved({ owners: [AFTER] });
    assert.deepEqual(refused[1], { ...refused[0]!, neverStarted: true });
  });

  it("is forgotten when it is old, or when a former start of the runner may have taken it", () => {
    const { holdings, refused, clock } = world(0);
    holdings.onAssign(assign("0"));
    holdings.onOwnersMoved({ owners: [AFTER] });
    assert.deepEqual(
      refused.map(({ neverStarted }) => neverStarted),
      [false],
    );
    const other = world(0);
    other.holdings.onAssign(assign("1"));
    other.clock.ms += TIMING_DEFAULT.waitMs + 1;
    other.holdings.onOwnersMoved({ owners: [AFTER] });
    assert.equal(other.refused.length, 1);
    assert.equal(clock.ms, 1);
  });
});

describe("a runner whose steps are short", () => {
  const nth = (n: number) => ({ ...assign("1"), stampMs: 1_000, runId: `r${n}` });

  /** So many of its runs end, one each ms, each step after so long. */
  function ended(count: number, tookMs: number) {
    const all = world(2, 6);
    all.clock.ms = 1_000;
    const about = {
      scheduler: BEFORE.scheduler,
      owners: [BEFORE],
      runnerIncarnation: "1",
      renew: [],
      kill: [],
      demand: [],
    };
    all.holdings.onRenew({ ...about, stampMs: 1 });
    for (let n = 0; n < count; n++) {
      all.clock.ms += 1;
      all.holdings.onAssign(nth(n));
      const handing = { partition: 0, runId: `r${n}`, assignment: 1 };
      const result = { path: "steps/0", startTimeMs: 0, endTimeMs: tookMs, lastLogSequence: 0 } as StepResult;
      all.holdings.onStepFinished(handing, result);
      all.holdings.onCommitted({ handing, runnerIncarnation: "1", path: "steps/0", then: "END" } as Committed);
    }
    for (let n = 0; n < 8; n++) all.holdings.onAssign(nth(count + n));
    return { held: all.holdings.size, refused: all.refused.length };
  }

  it("takes more runs than it has slots, and refuses what is beyond its bound", () => {
    assert.deepEqual(ended(300, 3), { held: 6, refused: 2 });
  });

  it("takes as many as it has slots when they are not", () => {
    assert.deepEqual(ended(300, 300), { held: 2, refused: 6 });
  });
});

describe("an immediate answer", () => {
  const handing = { partition: 0, runId: "x", assignment: 1 };
  const response = { status: 200, headers: [], body: Buffer.from("hello"), immediate: true };

  function begun() {
    const all = world(1);
    const { scheduler } = BEFORE;
    const about = { scheduler, owners: [BEFORE], runnerIncarnation: "1", kill: [], demand: [] };
    all.holdings.onRenew({ ...about, stampMs: 1, renew: [] });
    all.holdings.onAssign({ ...assign("1"), gateway: "g" });
    const renew = (stampMs: number) => all.holdings.onRenew({ ...about, stampMs, renew: [handing] });
    return { ...all, renew };
  }

  it("goes out at once while its assignment lives", () => {
    const { holdings, answers } = begun();
    holdings.onRespond(handing, "steps/0", response);
    assert.equal(answers.length, 1);
  });

  it("waits for a renewal after that life: the run may be another runner's by now", () => {
    const { holdings, answers, clock, renew } = begun();
    clock.ms += TIMING_DEFAULT.lifeMs + 1;
    holdings.onRespond(handing, "steps/0", response);
    assert.deepEqual(answers, []);
    renew(clock.ms - TIMING_DEFAULT.lifeMs - 1);
    assert.deepEqual(answers, [], "a renewal that is as old as that says nothing new");
    renew(clock.ms);
    renew(clock.ms);
    assert.equal(answers.length, 1);
  });
});
