import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WakeQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";
import { Pauses } from "./pauses.ts";

describe("paused runs whose time has come", () => {
  it("are asked for once a tick while the record cannot be read", () => {
    const part = new PartitionState({ scheduler: "s", partition: 1, epoch: 1 }, 0);
    part.sleepers.expect(1000);
    const asked: ReadonlyMap<number, WakeQuery>[] = [];
    const port = { wallMs: () => 5000, page: (queries: ReadonlyMap<number, WakeQuery>) => void asked.push(queries) };
    const state = { owned: new Map([[1, part]]), port };
    const hooks = { finish: () => {}, cancel: () => {}, cancelled: () => {} };
    const pauses = new Pauses(state as unknown as OwnerState, hooks);
    pauses.patrol();
    pauses.onPaged(asked[0]!, undefined);
    assert.equal(asked.length, 1, "whoever asks at once never stops while the database is down");
    pauses.patrol();
    assert.equal(asked.length, 2);
    pauses.onPaged(asked[1]!, new Map([[1, { rows: [], readToMs: 2000, nextWakeMs: 3000 }]]));
    assert.equal(asked.length, 3, "the next page follows at once");
  });
});
