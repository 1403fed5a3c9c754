import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SeenRunner } from "./runner-directory.ts";
import { waitReasonOf } from "./wait-reason.ts";

function runner(given: Partial<SeenRunner["heartbeat"]> = {}): SeenRunner {
  const heartbeat = {
    ...{ runner: "r", incarnation: "1", stampMs: 1, pool: "default", slotsTotal: 2, slotsFree: 2 },
    ...{ pythonMinors: ["3.11"], held: [], gone: [], warmVersions: [], draining: false, labels: [] },
    ...{ offers: [], offersSlots: true, starting: false, memoryBytes: 0, coldStarts: 0, crowded: false },
    ...given,
  };
  return { heartbeat, seenAtMs: 0 };
}

const wish = { pool: "default", labels: [] as string[], pythonMinor: "" };

describe("why a run waits", () => {
  it("is nothing when a fitting runner has room", () => {
    assert.equal(waitReasonOf(wish, [runner({ slotsFree: 0 }), runner()]), undefined);
  });

  const cases: [string, typeof wish, SeenRunner[]][] = [
    ["NO_RUNNER_IN_POOL", { ...wish, pool: "gpu" }, [runner()]],
    ["NO_RUNNER_WITH_LABELS", { ...wish, labels: ["a", "b"] }, [runner({ labels: ["a"] })]],
    ["NO_RUNNER_WITH_PYTHON", { ...wish, pythonMinor: "3.9" }, [runner()]],
    ["RUNNERS_DRAINING", wish, [runner({ draining: true })]],
    ["RUNNERS_STARTING", wish, [runner({ draining: true }), runner({ draining: true, starting: true })]],
    ["POOL_FULL", wish, [runner({ slotsFree: 0 }), runner({ draining: true })]],
  ];
  for (const [reason, asked, runners] of cases) {
    it(`is ${reason}`, () => {
      const found = waitReasonOf(asked, runners);
      assert.equal(found?.reason, reason);
      assert.match(found.message, new RegExp(asked.pool));
    });
  }

  it("asks for all labels of a run, not for all of a runner", () => {
    const labelled = runner({ labels: ["gpu", "zone=eu"] });
    assert.equal(waitReasonOf({ ...wish, labels: ["zone=eu"] }, [labelled]), undefined);
  });
});
