import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { checkoutFolder } from "@millrace/provision";
import { BREAKS, brokenCheckout } from "../breaks.ts";
import type { FaultRecord, Operation, Sighting } from "../client/history.ts";
import { planRounds, type Targets } from "../nemesis/schedule.ts";
import { check, type Evidence, type Rule } from "./check.ts";
import { measure } from "./measure.ts";
import type { KeptRun, ReadBack } from "./read-back.ts";

/** One acknowledged run of a workflow with two steps, as everybody saw it: the history that each case below spoils. */
function goodRun(workflow: string, mark: string, more: Partial<KeptRun> = {}) {
  const run = `run-${mark}`;
  const tokens = [`${mark}-a`, `${mark}-b`];
  const kept: KeptRun = {
    ...{ id: run, workflow, state: "SUCCEEDED", mark, event: { mark }, failure: undefined },
    steps: tokens.map((token, index) => ({ path: `steps/${index}`, value: { token, mark } })),
    ...more,
  };
  return { run, tokens, kept, submit: operation({ kind: "create", workflow, mark, run, runs: [run] }) };
}

function operation(more: Partial<Operation>): Operation {
  return {
    ...{ id: 1, kind: "create", workflow: "steps", mark: "m1", startMs: 0, endMs: 10, outcome: "ok" },
    ...{ run: undefined, runs: [], answer: undefined, error: undefined },
    ...more,
  };
}

function sighting(more: Partial<Sighting> & Pick<Sighting, "token">): Sighting {
  return {
    ...{ atMs: 20, kind: "begin", workflow: "steps", run: "run-m1", step: 0, before: null, host: "runner-1" },
    ...more,
  };
}

function seen({ run, tokens, kept }: ReturnType<typeof goodRun>, fromMs = 20, stepMs = 100): Sighting[] {
  return tokens.flatMap((token, step) => {
    const about = { workflow: kept.workflow, run, step, token, before: tokens[step - 1] ?? null };
    const beginMs = fromMs + step * stepMs;
    return [sighting({ ...about, atMs: beginMs }), sighting({ ...about, kind: "end", atMs: beginMs + stepMs - 1 })];
  });
}

function evidence(more: Partial<Omit<Evidence, "readBack">> & Partial<ReadBack>): Evidence {
  const { runs = [], store = new Map<string, unknown>() } = more;
  const listed = more.listed ?? new Map(runs.map(({ id, state }) => [id, state]));
  const { operations = [], sightings = [], faults = [], leaks = [] } = more;
  return { operations, sightings, faults, leaks, readBack: { runs, listed, store } };
}

function rulesOf(found: Evidence): Rule[] {
  return [...new Set(check(found).map(({ rule }) => rule))];
}

const fault = (more: Partial<FaultRecord>): FaultRecord => ({
  ...{
    kind: "kill",
    what: "kill",
    startMs: 0,
    endMs: 0,
    workableMs: 0,
    frozen: [],
    movesClock: false,
    error: undefined,
  },
  ...more,
});

describe("the checker", () => {
  const good = goodRun("steps", "m1");
  const whole = { operations: [good.submit], sightings: seen(good), runs: [good.kept] };

  test("finds nothing in a history in which every promise was kept", () => {
    assert.deepEqual(check(evidence(whole)), []);
  });

  test("finds an acknowledged run that is not in the record", () => {
    assert.deepEqual(rulesOf(evidence({ ...whole, runs: [], sightings: [] })), ["lost"]);
  });

  test("accepts that a submit without an answer began a run, or none", () => {
    const unknown: Operation = { ...good.submit, outcome: "unknown", run: undefined, runs: [] };
    assert.deepEqual(check(evidence({ ...whole, operations: [unknown] })), []);
    assert.deepEqual(check(evidence({ operations: [unknown] })), []);
  });

  test("finds runs that are in the record twice, unfinished, failed, or shown otherwise", () => {
    assert.deepEqual(rulesOf(evidence({ ...whole, runs: [good.kept, good.kept] })), ["endedTwice"]);
    const states: readonly (readonly [string, Rule])[] = [
      ["RUNNING", "stuck"],
      ["SUSPENDED", "stuck"],
      ["FAILED", "failed"],
      ["CANCELLED", "failed"],
    ];
    for (const [state, rule] of states) {
      assert.deepEqual(rulesOf(evidence({ ...whole, runs: [{ ...good.kept, state }] })), [rule]);
    }
    assert.deepEqual(rulesOf(evidence({ ...whole, listed: new Map([[good.run, "FAILED"]]) })), ["listing"]);
    const follow = operation({ kind: "follow", run: good.run, answer: "CANCELLED" });
    assert.deepEqual(rulesOf(evidence({ ...whole, operations: [good.submit, follow] })), ["endedTwice"]);
  });

  test("finds a submit that began two runs, and a key that named two", () => {
    const second = { ...good.kept, id: "run-m1-again", steps: [] };
    assert.deepEqual(rulesOf(evidence({ ...whole, runs: [good.kept, second] })), ["doubled"]);
    const named = { ...good.submit, runs: [good.run, "run-m1-again"] };
    assert.deepEqual(rulesOf(evidence({ ...whole, operations: [named] })), ["doubled"]);
    const replay = operation({ kind: "replay", run: second.id, runs: [second.id] });
    const both = { runs: [good.kept, second], operations: [good.submit, replay] };
    assert.deepEqual(check(evidence({ ...whole, ...both })), [], "a replay is a run of its own");
  });

  test("finds a step that begins again behind its checkpoint, unless its host has just been thawed", () => {
    const again = sighting({ token: "m1-z", step: 0, atMs: 500, host: "runner-2" });
    const found = { ...whole, sightings: [...seen(good), again] };
    assert.deepEqual(rulesOf(evidence(found)), ["rerun"]);
    const frozen = fault({ kind: "freeze", startMs: 10, endMs: 490, frozen: ["runner-2"] });
    assert.deepEqual(check(evidence({ ...found, faults: [frozen] })), []);
    const earlier = fault({ kind: "freeze", startMs: -9_000, endMs: -8_000, frozen: ["runner-2"] });
    assert.deepEqual(rulesOf(evidence({ ...found, faults: [earlier] })), ["rerun"]);
  });

  test("finds a step that begins again behind its pause, which a resume or a child has shown", () => {
    const suspended = goodRun("suspended", "m1");
    const resume = operation({ kind: "resume", workflow: "suspended", run: suspended.run, endMs: 110 });
    const resumed = { step: 0, run: suspended.run, workflow: "suspended", token: "m1-z" };
    const value = { token: "m1-b", mark: "m1", resumed: { mark: "m1" } };
    const kept = {
      ...suspended.kept,
      steps: [
        { path: "steps/0", value: { token: "m1-z" } },
        { path: "steps/1", value },
      ],
    };
    const steps = seen(suspended).map((one) => (one.step === 1 ? { ...one, before: "m1-z" } : one));
    const history = { operations: [suspended.submit, resume], runs: [kept] };
    const early = [sighting({ ...resumed, atMs: 105 }), ...steps];
    assert.deepEqual(check(evidence({ ...history, sightings: early })), [], "nobody has shown the pause before");
    const late = [steps[0]!, sighting({ ...resumed, atMs: 115 }), ...steps.slice(1)];
    assert.deepEqual(rulesOf(evidence({ ...history, sightings: late })), ["rerun"]);

    const child = goodRun("child", "m2", { id: "child-m2" });
    const parent = goodRun("parent", "m2");
    const began = sighting({ workflow: "child", run: "child-m2", token: child.tokens[0]!, atMs: 50 });
    const again = sighting({ workflow: "parent", run: parent.run, token: "m2-z", atMs: 60 });
    const family = evidence({ runs: [parent.kept, child.kept], sightings: [...seen(parent), began, again] });
    assert.match(
      check(family)
        .map(({ text }) => text)
        .join(),
      /of parent: step 0 began again on runner-1 behind its pause/,
    );
  });

  test("finds exports that the record does not keep, and an execution that nobody saw", () => {
    const other = seen(good).map((one) => (one.step === 1 ? { ...one, before: "m1-z" } : one));
    assert.deepEqual(rulesOf(evidence({ ...whole, sightings: other })), ["rerun"]);
    const unseen = { ...good.kept, steps: [{ path: "steps/0", value: { token: "m1-z" } }] };
    assert.deepEqual(rulesOf(evidence({ ...whole, runs: [unseen] })), ["rerun"]);
  });

  test("finds runs of a limited workflow at the same time, also by what shows itself late", () => {
    const [one, other] = [goodRun("limit-1", "m1"), goodRun("limit-1", "m2")] as const;
    const base = { operations: [], runs: [one.kept, other.kept] };
    const apart = { ...base, sightings: [...seen(one), ...seen(other, 300)] };
    assert.deepEqual(check(evidence({ ...apart, operations: [one.submit, other.submit] })), []);
    const tick = sighting({ kind: "tick", workflow: "limit-1", run: one.run, token: "m1-b", step: 1, atMs: 350 });
    const late = { ...apart, sightings: [...apart.sightings, tick] };
    assert.deepEqual(rulesOf(evidence({ ...late, operations: [one.submit, other.submit] })), ["limit"]);
    const frozen = fault({ kind: "freeze", startMs: 230, endMs: 340, frozen: ["runner-1"] });
    assert.deepEqual(check(evidence({ ...late, operations: [one.submit, other.submit], faults: [frozen] })), []);
  });

  test("finds runs out of order at limit 1, but only where one was acknowledged before the other was asked for", () => {
    const [one, other] = [goodRun("limit-1", "m1"), goodRun("limit-1", "m2")] as const;
    const found = { runs: [one.kept, other.kept], sightings: [...seen(other, 20), ...seen(one, 400)] };
    const behind = { ...other.submit, startMs: 11, endMs: 15 };
    assert.deepEqual(rulesOf(evidence({ ...found, operations: [one.submit, behind] })), ["order"]);
    assert.deepEqual(check(evidence({ ...found, operations: [one.submit, other.submit] })), []);
  });

  test("finds answers that the record does not know, and answers of other requests", () => {
    const sync = operation({ kind: "sync", run: good.run, answer: "m1-a" });
    assert.deepEqual(check(evidence({ ...whole, operations: [sync] })), []);
    assert.deepEqual(rulesOf(evidence({ ...whole, operations: [{ ...sync, answer: "m1-z" }] })), ["answer"]);
    assert.deepEqual(rulesOf(evidence({ ...whole, operations: [{ ...sync, error: "answer of m7" }] })), ["answer"]);
  });

  test("finds acknowledged cancels and resumes that lost, and pauses that were too short", () => {
    const cancelled = goodRun("cancelled", "m1");
    const cancel = operation({ kind: "cancel", workflow: "cancelled", run: cancelled.run, answer: "CANCELLED" });
    const lost = { operations: [cancelled.submit, cancel], runs: [cancelled.kept], sightings: seen(cancelled) };
    assert.deepEqual(rulesOf(evidence(lost)), ["cancel"]);
    const resumed = goodRun("suspended", "m1");
    const resume = operation({ kind: "resume", workflow: "suspended", run: resumed.run, endMs: 110 });
    const unheard = { operations: [resumed.submit, resume], runs: [resumed.kept], sightings: seen(resumed) };
    assert.deepEqual(rulesOf(evidence(unheard)), ["resume"]);
    const delayed = goodRun("delayed", "m1", { event: { mark: "m1", delay: 4_000 } });
    const early = { operations: [delayed.submit], runs: [delayed.kept], sightings: seen(delayed, 20, 3_000) };
    assert.deepEqual(rulesOf(evidence(early)), ["early"]);
    const moved = fault({ kind: "clock", startMs: 100, endMs: 200, movesClock: true });
    assert.deepEqual(check(evidence({ ...early, faults: [moved] })), []);
  });

  test("finds a child that is lost, doubled, or told of otherwise", () => {
    const child = goodRun("child", "m1");
    const parent = goodRun("parent", "m1", { id: "parent-m1" });
    const told = { ...parent.kept, steps: [{ path: "steps/1", value: { child: "SUCCEEDED", child_token: "m1-a" } }] };
    const submit = { ...parent.submit, run: told.id, runs: [told.id] };
    const found = { operations: [submit], sightings: seen(child) };
    assert.deepEqual(check(evidence({ ...found, runs: [told, child.kept] })), []);
    assert.deepEqual(rulesOf(evidence({ ...found, runs: [told], sightings: [] })), ["child"]);
    const twice = [told, child.kept, { ...child.kept, id: "run-m1-again", steps: [] }];
    assert.deepEqual(rulesOf(evidence({ ...found, runs: twice })), ["child"]);
  });

  test("finds increments that are lost or made twice, and a claim that two won", () => {
    const counted = (mark: string, sums: number[], claimed: boolean): KeptRun => ({
      ...goodRun("counting", mark).kept,
      event: { mark, counter: "counter:0", times: sums.length, claim: "claim:0" },
      steps: [{ path: "steps/0", value: { token: `${mark}-a`, sums, claimed } }],
    });
    const store = new Map<string, unknown>([
      ...([
        ["counter:0", 3],
        ["own:m1", 2],
        ["own:m2", 1],
        ["claim:0", "m1"],
      ] as const),
      ...([
        ["log:m1", [[1, 3]]],
        ["log:m2", [[2]]],
      ] as const),
    ]);
    const runs = [counted("m1", [1, 3], true), counted("m2", [2], false)];
    const operations = [goodRun("counting", "m1").submit, goodRun("counting", "m2").submit];
    const sightings = ["m1", "m2"].flatMap((mark) => seen(goodRun("counting", mark)));
    const found = { operations, sightings, runs };
    assert.deepEqual(check(evidence({ ...found, store })), []);
    for (const [key, value] of [
      ["counter:0", 4],
      ["own:m1", 3],
      ["log:m2", [[2], [2]]],
    ] as const) {
      assert.deepEqual(rulesOf(evidence({ ...found, store: new Map([...store, [key, value]]) })), ["increment"]);
    }
    const both = [runs[0] as KeptRun, counted("m2", [2], true)];
    assert.deepEqual(rulesOf(evidence({ ...found, store, runs: both })), ["claim"]);
  });

  test("finds processes that outlived their runner", () => {
    assert.deepEqual(rulesOf(evidence({ ...whole, leaks: ["runner-1: process 7"] })), ["leak"]);
  });
});

describe("the measure of a stall", () => {
  const probe = (startMs: number, endMs: number, answer?: string): Operation =>
    operation({
      kind: "sync",
      workflow: "probe-0",
      startMs,
      endMs,
      answer,
      outcome: answer === undefined ? "unknown" : "ok",
    });

  test("reaches from the first try without an answer to the next answer", () => {
    const probes = [probe(0, 50, "a"), probe(1_000, 5_000), probe(5_100, 7_000, "b"), probe(8_000, 8_050, "c")];
    const { stalls } = measure(probes, [fault({ startMs: 900, endMs: 4_000, workableMs: 900 })]);
    assert.deepEqual(
      stalls.map(({ ms, isSingle }) => [ms, isSingle]),
      [[6_000, true]],
    );
  });

  test("counts from when the house could work again, where a fault takes away what it cannot work without", () => {
    const probes = [probe(0, 50, "a"), probe(1_000, 5_000), probe(5_100, 7_000, "b")];
    const { stalls } = measure(probes, [fault({ startMs: 900, endMs: 4_000, workableMs: 4_000 })]);
    assert.deepEqual(
      stalls.map(({ ms }) => ms),
      [3_000],
    );
  });
});

describe("the plan of faults", () => {
  const targets: Targets = {
    ...{ gateways: ["gateway-1"], schedulers: ["scheduler-1", "scheduler-2"], runners: ["runner-1"], nats: ["nats-1"] },
    ...{ postgres: ["postgres-1", "postgres-2"], hasNetwork: true, hasClocks: true, hasDisks: true },
  };

  test("is the same for the same seed, and another for another", () => {
    assert.deepEqual(planRounds("7", targets, 600_000), planRounds("7", targets, 600_000));
    assert.notDeepEqual(planRounds("7", targets, 600_000), planRounds("8", targets, 600_000));
  });

  test("leaves out what cannot be done here", () => {
    const bare = { ...targets, hasNetwork: false, hasClocks: false, hasDisks: false, postgres: ["postgres-1"] };
    const kinds = new Set(planRounds("7", bare, 3_600_000).flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    for (const kind of ["partition", "slow", "clock", "disk", "failover"] as const) assert.ok(!kinds.has(kind), kind);
    assert.ok(kinds.has("kill"));
  });
});

describe("the rules that can be broken on purpose", () => {
  let folder = "";
  before(async () => void (folder = await mkdtemp(join(tmpdir(), "millrace-breaks-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  test("are each at a place that is there once, and are TypeScript: what means nothing breaks nothing", async (context) => {
    const breaks = Object.values(BREAKS);
    brokenCheckout(breaks, folder);
    const { compilerOptions } = JSON.parse(await readFile(join(checkoutFolder, "tsconfig.json"), "utf8"));
    const files = [...new Set(breaks.map(({ file }) => file))];
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const tsc = join(checkoutFolder, "node_modules/.bin/tsc");
    const { stdout } = await promisify(execFile)(tsc, ["-p", folder]).catch((failed: { stdout: string }) => failed);
    assert.equal(stdout, "");
    context.diagnostic(`${breaks.length} breaks in ${files.length} files`);
  });
});
