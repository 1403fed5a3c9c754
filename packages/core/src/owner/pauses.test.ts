import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OwnedRun } from "./owned-run.ts";
import type { WakeQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";
import { Pauses, type PauseHooks } from "./pauses.ts";
import type { LoadedRun } from "./record.ts";

/** The pauses of a partition in whose record a run is due. */
function pausesOf() {
  const part = new PartitionState({ scheduler: "s", partition: 1, epoch: 1 }, 0);
  part.sleepers.expect(1000);
  const asked: ReadonlyMap<number, WakeQuery>[] = [];
  const port = { wallMs: () => 5000, page: (queries: ReadonlyMap<number, WakeQuery>) => void asked.push(queries) };
  const state = { owned: new Map([[1, part]]), port };
  const cancelled: unknown[] = [];
  const hooks: PauseHooks = {
    finish: () => {},
    cancel: () => assert.fail("no run of this partition"),
    cancelled: (_part, _message, end) => void cancelled.push(end),
  };
  return { part, asked, cancelled, pauses: new Pauses(state as unknown as OwnerState, hooks) };
}

describe("paused runs whose time has come", () => {
  it("are asked for once a tick while the record cannot be read", () => {
    const { asked, pauses } = pausesOf();
    pauses.patrol();
    pauses.onPaged(asked[0]!, undefined);
    assert.equal(asked.length, 1, "whoever asks at once never stops while the database is down");
    pauses.patrol();
    assert.equal(asked.length, 2);
    pauses.onPaged(asked[1]!, new Map([[1, { rows: [], readToMs: 2000, nextWakeMs: 3000 }]]));
    assert.equal(asked.length, 3, "the next page follows at once");
  });

  it("wait for others that were woken, not for runs that merely wait", () => {
    for (const [state, pages] of [
      ["PENDING", 1],
      ["SUSPENDED", 0],
    ] as const) {
      const { part, asked, pauses } = pausesOf();
      const waiting = { phase: "PENDING", state } as OwnedRun;
      for (let n = 0; n < 20_000; n++) part.runs.set(String(n), waiting);
      pauses.patrol();
      assert.equal(asked.length, pages, state);
    }
  });

  it("are not found in another partition than their own", () => {
    const { part, cancelled, pauses } = pausesOf();
    const message = { partition: 1, runId: "run", gateway: "g", reason: "" };
    const paused = { partition: 2, runId: "run", state: "SUSPENDED" } as LoadedRun;
    part.sleepers.beginRead();
    pauses.onFound(1, 1, { kind: "cancel", message }, { state: "SUSPENDED", paused, resumedBy: undefined });
    assert.deepEqual([cancelled, part.runs.size], [[undefined], 0]);
  });
});
