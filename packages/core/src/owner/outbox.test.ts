import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { messageOf } from "../run/message-target.ts";
import { Outbox } from "./outbox.ts";
import type { OutboxQuery } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import { PartitionState } from "./partition-state.ts";
import type { OutboxMessage } from "./record.ts";

const owner = { scheduler: "s", partition: 1, epoch: 1 };
const parent = { partition: 1, runId: "parent" };
const NOTHING = new Uint8Array();
let sequence = 0;

function start(child: string, waits = false, workflowId = "other"): OutboxMessage {
  const about = { projectId: "p", workflowId, workflowName: "other", traceId: "", timeMs: 0 };
  const from = { run: "parent", workflow_id: "w", step_path: "steps/0", waits, generation: 1 };
  const message = messageOf(
    parent,
    `start/${child}`,
    { kind: "START", childId: child, ...about, parent: from },
    NOTHING,
  );
  return { ...message, sequence: ++sequence };
}

function cancel(child: string): OutboxMessage {
  const body = { kind: "CANCEL", runId: child, workflowId: "other", reason: "" } as const;
  return { ...messageOf(parent, `cancel/${child}`, body, NOTHING), sequence: ++sequence };
}

/** An outbox over a record in memory, whose reads are answered when the test says so. */
function outboxOf() {
  const clock = { nowMs: 0 };
  const sent: OutboxMessage[] = [];
  const record = new Map<string, OutboxMessage>();
  const reads: (readonly OutboxQuery[])[] = [];
  const part = new PartitionState(owner, 0, { runs: 256, bytes: 1e6 });
  const state = {
    owned: new Map([[1, part]]),
    port: {
      nowMs: () => clock.nowMs,
      deliver: (message: OutboxMessage) => void sent.push(message),
      readOutbox: (queries: readonly OutboxQuery[]) => void reads.push(queries),
      readOutboxTargets: () => answerTargets(),
    },
    isLeased: () => true,
    isCurrent: (asked: PartitionState) => asked === state.owned.get(1),
    drop: (partition: number) => void state.owned.delete(partition),
    commit: (_part: PartitionState, change: { id: string }) => void record.delete(change.id),
  };
  const outbox = new Outbox(state as unknown as OwnerState);
  const targets = () => [...new Set([...record.values()].map(({ target }) => target))].sort();
  const answerTargets = () =>
    outbox.onTargets(part, { names: targets().filter((name) => name > part.outbox.beyond), more: false });
  /** Answers all reads that are under way or follow from that. */
  const read = () => {
    for (let queries = reads.shift(); queries; queries = reads.shift()) {
      const pages = queries.map(({ target, after, messagesMax }) => {
        const all = [...record.values()].filter((one) => one.target === target && one.sequence > after);
        return { messages: all.slice(0, messagesMax), more: all.length > messagesMax };
      });
      outbox.onRead(queries, pages);
    }
  };
  const write = (...messages: OutboxMessage[]) => messages.forEach((message) => record.set(message.id, message));
  const add = (...messages: OutboxMessage[]) => {
    write(...messages);
    outbox.add(part, messages);
  };
  const pass = (ms: number) => {
    clock.nowMs += ms;
    outbox.patrol();
    read();
  };
  answerTargets();
  return { clock, sent, record, reads, part, state, outbox, add, write, read, pass };
}

function accept(outbox: Outbox, runId: string, outcome: "ACCEPTED" | "QUEUE_FULL" = "ACCEPTED"): void {
  outbox.onAccepted({ owner, runId, actualRunId: runId, outcome });
}

describe("the outbox of an owner", () => {
  it("sends again, ever more seldom, until the receiver has committed", () => {
    const { outbox, add, pass, sent, record } = outboxOf();
    add(start("a"));
    pass(0);
    assert.equal(sent.length, 1);
    pass(600);
    pass(0);
    assert.equal(sent.length, 2);
    accept(outbox, "a");
    pass(60_000);
    assert.deepEqual([sent.length, record.size], [2, 0]);
  });

  it("starts a run before it cancels it, also when the start has gone back to the record", () => {
    const { outbox, add, pass, sent } = outboxOf();
    add(start("a", true), cancel("a"));
    accept(outbox, "a", "QUEUE_FULL");
    pass(300);
    assert.deepEqual(
      sent.map(({ id }) => id),
      ["start/a", "start/a"],
    );
    accept(outbox, "a");
    pass(600);
    assert.deepEqual(sent.at(-1)?.id, "cancel/a");
  });

  it("tells who waits for a run that can never start, and gives up what nobody waits for", () => {
    const { outbox, add, sent, record } = outboxOf();
    add(start("a", true), start("b", false));
    outbox.onUndeliverable("start/b", "WORKFLOW_NOT_FOUND", "gone");
    assert.deepEqual([...record.keys()], ["start/a"]);
    outbox.onUndeliverable("start/a", "WORKFLOW_NOT_FOUND", "gone");
    const told = sent.at(-1)!;
    assert.deepEqual(told.body, { kind: "RESUME", runId: "parent", workflowId: "w", path: "steps/0" });
    const { $child } = JSON.parse(Buffer.from(told.payload).toString()) as { $child: { state: string; error: object } };
    assert.deepEqual($child.error, { step: "", type: "WORKFLOW_NOT_FOUND", message: "gone", line: 0 });
    outbox.onResumed({ owner, runId: "parent", requestId: "start/a", outcome: "DONE", state: "PENDING" });
    assert.equal(record.size, 0);
  });

  it("sends word of a result instead of one that has no room", () => {
    const { outbox, add, sent } = outboxOf();
    const body = { kind: "RESUME", runId: "parent", workflowId: "w", path: "steps/0" } as const;
    add({ ...messageOf({ partition: 1, runId: "c" }, "result/c", body, Buffer.alloc(1000)), sequence: ++sequence });
    outbox.onResumed({ owner, runId: "parent", requestId: "result/c", outcome: "TOO_LARGE", state: "SUSPENDED" });
    assert.match(Buffer.from(sent.at(-1)!.payload).toString(), /has no room in run parent/);
    outbox.onResumed({ owner, runId: "parent", requestId: "result/c", outcome: "TOO_LARGE", state: "SUSPENDED" });
    assert.equal(sent.length, 2, "not even room for that: not at once again");
  });

  it("holds a window for each target, and reads on in order as messages arrive", () => {
    const { outbox, add, read, sent, record, pass } = outboxOf();
    const messages = Array.from({ length: 1000 }, (_, n) => start(`n${n}`));
    add(...messages);
    assert.equal(sent.length, 32);
    for (let n = 0; n < 1000; n++) {
      accept(outbox, `n${n}`);
      read();
    }
    assert.deepEqual(
      sent.map(({ id }) => id),
      messages.map(({ id }) => id),
    );
    pass(0);
    assert.equal(record.size, 0);
  });

  it("leaves a target that is full alone for a growing time, with nothing of it in memory, and delays no other", () => {
    const { outbox, add, pass, sent, reads } = outboxOf();
    add(...Array.from({ length: 100 }, (_, n) => start(`full${n}`, false, "full")));
    const times: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 50) {
      if (sent.some(({ id }) => id.startsWith("start/full"))) times.push(ms);
      sent.splice(0).forEach(({ body }) => {
        if (body.kind === "START") accept(outbox, body.childId, body.workflowId === "full" ? "QUEUE_FULL" : "ACCEPTED");
      });
      add(start(`other${ms}`));
      assert.ok(
        sent.some(({ id }) => id === `start/other${ms}`),
        "another target's message goes out at once",
      );
      pass(50);
    }
    const pauses = times.slice(1).map((ms, index) => ms - times[index]!);
    assert.ok(pauses.length >= 5 && pauses.length <= 9, pauses.join(" "));
    assert.ok(pauses.at(-1)! > 8 * pauses[0]!, pauses.join(" "));
    assert.equal(reads.length, 0);
  });

  it("finds what a former owner has left, for however many targets", () => {
    const { outbox, write, pass, sent, part, record } = outboxOf();
    for (let n = 0; n < 3000; n++) write(start(`n${n}`, false, `w${n}`));
    part.outbox.known = false;
    for (let round = 0; round < 1000 && record.size > 0; round++) {
      pass(50);
      sent.splice(0).forEach(({ body }) => body.kind === "START" && accept(outbox, body.childId));
    }
    assert.equal(record.size, 0);
  });

  it("reads again what could not be read, once a tick, and forgets what another owner has", () => {
    const { outbox, write, pass, sent, part, reads, state } = outboxOf();
    write(start("a"));
    part.outbox.known = false;
    outbox.patrol();
    outbox.onRead(reads.shift()!, undefined);
    assert.equal(reads.length, 0);
    pass(500);
    assert.equal(sent.length, 1);
    state.owned.delete(1);
    pass(60_000);
    assert.equal(sent.length, 1);
  });

  it("lets a partition go whose epoch has moved, instead of reading it for ever", () => {
    const { outbox, write, pass, part, reads, state, sent } = outboxOf();
    write(start("a", false, "w1"), start("b", false, "w2"));
    part.outbox.known = false;
    outbox.patrol();
    const queries = reads.shift()!;
    assert.equal(queries.length, 2);
    const lost = outbox.onRead(queries, [undefined, undefined]);
    assert.deepEqual([lost, state.owned.size], [true, 0]);
    pass(60_000);
    assert.deepEqual([reads.length, sent.length], [0, 0]);
  });
});
