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
  const part = new PartitionState({ scheduler: "s", partition: 1, epoch: 1 }, 0, { runs: 256, bytes: 1e6 });
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
    pauses.onPaged(asked[1]!, new Map([[1, { rows: [], readToMs: 2000, readToId: "", nextWakeMs: 3000 }]]));
    assert.equal(asked.length, 3, "the next page follows at once");
  });

  it("wait for others between pause and queue, not for runs that wait, woken ones included", () => {
    for (const [phase, bytes, pages] of [
      ["PENDING", 1, 1],
      ["PARKING", 1, 0],
      ["PENDING", 1e6, 1],
      ["RESUMING", 1e5, 0],
    ] as const) {
      const { part, asked, pauses } = pausesOf();
      const waiting = { phase, state: "SUSPENDED", bytes } as OwnedRun;
      for (let n = 0; n < (bytes === 1 ? 20_000 : 1_000); n++) part.runs.set(String(n), waiting);
      pauses.patrol();
      assert.equal(asked.length, pages, phase);
    }
  });

  it("are not found in another partition than their own", () => {
    const { part, cancelled, pauses } = pausesOf();
    const message = { partition: 1, runId: "run", gateway: "g", reason: "" };
    const resting = { partition: 2, runId: "run", state: "SUSPENDED" } as LoadedRun;
    const request = { kind: "cancel", message } as const;
    part.departures.beginRead(request);
    pauses.onFound(1, 1, request, { state: "SUSPENDED", resting, resumedBy: undefined });
    assert.deepEqual([cancelled, part.runs.size], [[undefined], 0]);
  });
});
