import { SUBMITS, type FaultRecord, type Operation, type Sighting } from "../client/history.ts";
import type { KeptRun, ReadBack } from "./read-back.ts";

/** What must hold, in the words of the table. */
export const RULES = {
  lost: "acknowledged runs lost",
  stuck: "runs that never ended",
  endedTwice: "runs ended twice",
  doubled: "submits that began two runs",
  rerun: "steps re-run behind a checkpoint",
  limit: "limit violations",
  order: "runs out of order at limit 1",
  answer: "answers that history does not know",
  cancel: "acknowledged cancels that lost",
  resume: "acknowledged resumes that lost",
  early: "delays over too early",
  child: "children lost or doubled",
  increment: "increments lost or made twice",
  claim: "conditional writes that two won",
  failed: "runs failed without a cause",
  leak: "leaked processes",
  listing: "runs that the API lists otherwise",
} as const;

export type Rule = keyof typeof RULES;

export interface Violation {
  readonly rule: Rule;
  readonly text: string;
}

/** All that is known at the end. */
export interface Evidence {
  readonly operations: readonly Operation[];
  readonly sightings: readonly Sighting[];
  readonly faults: readonly FaultRecord[];
  readonly readBack: ReadBack;
  /** Processes that outlived what they belonged to. */
  readonly leaks: readonly string[];
}

/** A host that was frozen whole may show itself once more until its watchdog has looked at the clock. */
const WATCHDOG_MS = 1_500;
/** What two clocks, and a message between them, may be apart. */
const TOLERANCE_MS = 300;
const LIMITS: Readonly<Record<string, number>> = { "limit-1": 1, "limit-3": 3 };
const SUCCEEDED = "SUCCEEDED";

/** Checks everything; nothing in here reads a clock or asks anybody. */
export function check(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const report = (rule: Rule, text: string): void => void violations.push({ rule, text });
  const context = { evidence, report, runs: new Map(evidence.readBack.runs.map((run) => [run.id, run])) };
  checkSubmits(context);
  checkEnds(context);
  checkExecutions(context);
  checkPausedExecutions(context);
  checkLimits(context);
  checkOrder(context);
  checkAnswers(context);
  checkCancels(context);
  checkPauses(context);
  checkChildren(context);
  checkStore(context);
  for (const leak of evidence.leaks) report("leak", leak);
  return violations;
}

interface Context {
  readonly evidence: Evidence;
  readonly report: (rule: Rule, text: string) => void;
  readonly runs: ReadonlyMap<string, KeptRun>;
}

const isSubmit = ({ kind }: Operation): boolean => SUBMITS.has(kind);

/** Every acknowledged submit is one run; none, whatever became of its acknowledgement, is two. */
function checkSubmits({ evidence, report, runs }: Context): void {
  const asked = new Map<string, { least: number; most: number }>();
  for (const operation of evidence.operations.filter(isSubmit)) {
    const { kind, mark, workflow, outcome, run } = operation;
    const named = new Set(operation.runs);
    if (named.size > 1)
      report("doubled", `one key, ${kind} ${mark} of ${workflow}, named runs ${[...named].join(", ")}`);
    if (outcome === "ok" && run !== undefined && !runs.has(run)) {
      report("lost", `run ${run} of ${workflow} (${kind} ${mark}) was acknowledged and is not in the record`);
    }
    const bounds = asked.get(`${workflow} ${mark}`) ?? { least: 0, most: 0 };
    if (outcome === "ok") bounds.least++;
    if (outcome !== "fail") bounds.most++;
    asked.set(`${workflow} ${mark}`, bounds);
  }
  const kept = Map.groupBy(evidence.readBack.runs, ({ workflow, mark }) => `${workflow} ${mark}`);
  for (const [key, { least, most }] of asked) {
    const ids = new Set((kept.get(key) ?? []).map(({ id }) => id));
    if (ids.size > most) report("doubled", `${key} was asked for ${most} times and began runs ${[...ids].join(", ")}`);
    if (ids.size < least) report("lost", `${key} was acknowledged ${least} times, the record has ${ids.size} runs`);
  }
}

/** Every run has ended, once, as whoever asked was told, and well: no step fails by itself. */
function checkEnds({ evidence, report, runs }: Context): void {
  const rows = Map.groupBy(evidence.readBack.runs, ({ id }) => id);
  for (const [id, all] of rows) {
    if (all.length > 1)
      report(
        "endedTwice",
        `run ${id} is ${all.length} times in the record: ${all.map(({ state }) => state).join(", ")}`,
      );
    const [run] = all as [KeptRun];
    const ended = run.state === SUCCEEDED || run.state === "CANCELLED" || run.state === "FAILED";
    if (!ended) report("stuck", `run ${id} of ${run.workflow} (${run.mark}) is still ${run.state}`);
    if (run.state === "FAILED") report("failed", `run ${id} of ${run.workflow} (${run.mark}): ${run.failure ?? "?"}`);
    if (run.state === "CANCELLED" && run.workflow !== "cancelled")
      report("failed", `run ${id} of ${run.workflow} was cancelled`);
    const listed = evidence.readBack.listed.get(id);
    if (listed !== run.state)
      report("listing", `run ${id} is ${run.state} in the record, the API says ${listed ?? "nothing"}`);
  }
  for (const { kind, run = "", answer } of evidence.operations) {
    const kept = runs.get(run);
    if (kind === "follow" && answer !== undefined && kept !== undefined && kept.state !== answer) {
      report("endedTwice", `run ${run} was seen as ${answer} and is now ${kept.state}`);
    }
  }
}

/**
 * A step begins only behind the committed checkpoint of the one before. So once it has begun, the one before may not begin
 * again; and whatever it found there is what the record keeps.
 */
function checkExecutions({ evidence, report, runs }: Context): void {
  const begun = Map.groupBy(
    evidence.sightings.filter(({ kind }) => kind === "begin"),
    ({ run }) => run,
  );
  for (const [id, sightings] of begun) {
    let furthest = 0;
    for (const seen of sightings) {
      if (seen.step < furthest && !isThawing(seen.host, seen.atMs, evidence.faults)) {
        report(
          "rerun",
          `run ${id} of ${seen.workflow}: step ${seen.step} began again on ${seen.host} behind step ${furthest}`,
        );
      }
      furthest = Math.max(furthest, seen.step);
    }
    const kept = (runs.get(id)?.steps ?? []).map(({ value }) => value["token"]);
    const tokens = new Set(sightings.map(({ token }) => token));
    for (const [step, token] of kept.entries()) {
      if (typeof token !== "string") continue;
      if (!tokens.has(token))
        report("rerun", `run ${id}: the record keeps an execution of step ${step} that nobody saw`);
      const next = sightings.filter((seen) => seen.step === step + 1 && seen.before !== token);
      for (const { before } of next)
        report("rerun", `run ${id}: step ${step + 1} found ${before}, the record keeps ${token}`);
    }
  }
}

/**
 * A pause is a checkpoint, too, and shows that it is committed: its resume is acknowledged, or its child begins. From then on the
 * step that has paused may not begin again.
 */
function checkPausedExecutions({ evidence, report }: Context): void {
  const { operations, sightings, faults, readBack } = evidence;
  const begins = sightings.filter(({ kind }) => kind === "begin");
  const committedMs = new Map<string, number>();
  const show = (run: string, atMs: number): void => {
    committedMs.set(run, Math.min(atMs, committedMs.get(run) ?? Infinity));
  };
  for (const { kind, outcome, run = "", endMs } of operations) {
    if (kind === "resume" && outcome === "ok" && endMs !== undefined) show(run, endMs);
  }
  const markOf = new Map(readBack.runs.map(({ id, mark }) => [id, mark]));
  const parents = new Map(
    readBack.runs.filter(({ workflow }) => workflow === "parent").map(({ id, mark }) => [mark, id]),
  );
  for (const { workflow, run, atMs } of begins) {
    const parent = workflow === "child" ? parents.get(markOf.get(run) ?? "") : undefined;
    if (parent !== undefined) show(parent, atMs);
  }
  for (const { workflow, run, step, host, atMs } of begins) {
    if (step === 0 && atMs > (committedMs.get(run) ?? Infinity) && !isThawing(host, atMs, faults)) {
      report("rerun", `run ${run} of ${workflow}: step 0 began again on ${host} behind its pause`);
    }
  }
}

/** Whether this host was frozen whole and has just been thawed. */
function isThawing(host: string, atMs: number, faults: readonly FaultRecord[]): boolean {
  return faults.some(
    ({ frozen, startMs, endMs }) => frozen.includes(host) && atMs >= startMs && atMs <= endMs + WATCHDOG_MS,
  );
}

/** Executions of a limited workflow that were under way at the same time, as they showed themselves. */
function checkLimits({ evidence, report }: Context): void {
  const limited = evidence.sightings.filter(({ workflow }) => LIMITS[workflow] !== undefined);
  const executions = [...Map.groupBy(limited, ({ token }) => token).values()].map((all) => {
    const counted = all.filter(({ host, atMs }, index) => index === 0 || !isThawing(host, atMs, evidence.faults));
    const [first] = all as [Sighting];
    return { first, fromMs: first.atMs, toMs: counted.at(-1)?.atMs ?? first.atMs };
  });
  for (const [workflow, limit] of Object.entries(LIMITS)) {
    const own = executions.filter(({ first }) => first.workflow === workflow);
    for (const execution of own) {
      // Whoever was under way when this one began.
      const others = own.filter((other) => other.fromMs <= execution.fromMs && other.toMs > execution.fromMs);
      const beside = new Set([...others, execution]);
      if (beside.size > limit) {
        const who = [...beside].map(({ first }) => `${first.run} on ${first.host}`).join(", ");
        report("limit", `${workflow}: ${beside.size} at the same time: ${who}`);
      }
    }
  }
}

/** At limit 1, a run that was acknowledged before another was asked for begins before it. */
function checkOrder({ evidence, report }: Context): void {
  const begun = new Map<string, number>();
  for (const { run, kind, atMs } of evidence.sightings) if (kind === "begin" && !begun.has(run)) begun.set(run, atMs);
  const submits = evidence.operations
    .filter(({ workflow, outcome, kind }) => workflow === "limit-1" && outcome === "ok" && kind === "create")
    .flatMap(({ run = "", startMs, endMs = Infinity }) => {
      const beginMs = begun.get(run);
      return beginMs === undefined ? [] : [{ run, startMs, endMs, beginMs }];
    });
  for (const one of submits) {
    for (const other of submits) {
      if (one.endMs < other.startMs && one.beginMs > other.beginMs) {
        report(
          "order",
          `run ${other.run} began before ${one.run}, which had been acknowledged before it was asked for`,
        );
      }
    }
  }
}

/** What a client was answered is what the record keeps. */
function checkAnswers({ evidence, report, runs }: Context): void {
  for (const { kind, run, mark, answer, error, outcome } of evidence.operations) {
    if (kind !== "sync" || outcome !== "ok") continue;
    if (error?.startsWith("answer of") === true) report("answer", `the request ${mark} got the ${error}`);
    const kept = run === undefined ? undefined : runs.get(run)?.steps[0]?.value["token"];
    if (answer !== undefined && kept !== answer) {
      report("answer", `the client of run ${run} holds ${answer}, the record ${String(kept)}`);
    }
  }
}

function checkCancels({ evidence, report, runs }: Context): void {
  for (const { kind, run = "", outcome, answer } of evidence.operations) {
    const state = runs.get(run)?.state;
    if (kind === "cancel" && outcome === "ok" && state !== answer) {
      report("cancel", `the cancel of run ${run} was told ${answer}, the record says ${state ?? "nothing"}`);
    }
  }
}

/** A resume that was acknowledged is what the next step found, and no pause ends before its time. */
function checkPauses({ evidence, report, runs }: Context): void {
  for (const { kind, run = "", outcome, mark } of evidence.operations) {
    if (kind !== "resume" || outcome !== "ok") continue;
    const kept = runs.get(run);
    const told = kept?.steps.at(-1)?.value["resumed"] as { mark?: string } | undefined;
    if (kept?.state === SUCCEEDED && told?.mark !== mark) {
      report("resume", `run ${run} was resumed with ${mark} and found ${JSON.stringify(told)}`);
    }
    if (kept?.state === "CANCELLED") report("resume", `run ${run} was resumed and is cancelled`);
  }
  const delayed = Map.groupBy(
    evidence.sightings.filter(({ workflow }) => workflow === "delayed"),
    ({ run }) => run,
  );
  for (const [id, sightings] of delayed) {
    const run = runs.get(id);
    const token = run?.steps[0]?.value["token"];
    const paused = sightings.find((seen) => seen.token === token && seen.kind === "begin");
    const woken = sightings.find((seen) => seen.step === 1);
    if (paused === undefined || woken === undefined || run === undefined) continue;
    const moved = evidence.faults.some(
      (fault) => fault.movesClock && fault.startMs < woken.atMs && fault.endMs + TOLERANCE_MS > paused.atMs,
    );
    const leastMs = Number(run.event["delay"]) - TOLERANCE_MS;
    if (!moved && woken.atMs - paused.atMs < leastMs) {
      report(
        "early",
        `run ${id} went on after ${Math.round(woken.atMs - paused.atMs)} ms instead of ${String(run.event["delay"])}`,
      );
    }
  }
}

/** A parent that succeeded has one child, and knows how it ended. */
function checkChildren({ evidence, report }: Context): void {
  const { runs } = evidence.readBack;
  const children = Map.groupBy(
    runs.filter(({ workflow }) => workflow === "child"),
    ({ mark }) => mark,
  );
  for (const { id, mark, state, steps } of runs.filter(({ workflow }) => workflow === "parent")) {
    const own = children.get(mark) ?? [];
    if (own.length > 1) report("child", `run ${id} has the children ${own.map((child) => child.id).join(", ")}`);
    if (state !== SUCCEEDED) continue;
    const told = steps.at(-1)?.value;
    const kept = own[0]?.steps[0]?.value["token"];
    if (kept === undefined || told?.["child_token"] !== kept) {
      report(
        "child",
        `run ${id} was told ${JSON.stringify(told)}, its child ${own[0]?.id ?? "(none)"} has ${String(kept)}`,
      );
    }
  }
}

/** Every increment of a run counts once: in the shared counter, in its own, and in what the run was told. */
function checkStore({ evidence, report }: Context): void {
  const { store } = evidence.readBack;
  const counting = evidence.readBack.runs.filter(({ workflow }) => workflow === "counting");
  const open = counting.some(({ state }) => state !== SUCCEEDED);
  const counters = Map.groupBy(counting, ({ event }) => String(event["counter"]));
  for (const [counter, all] of counters) {
    const due = all.reduce((sum, { event }) => sum + Number(event["times"]), 0);
    const has = Number(store.get(counter) ?? 0);
    if (!open && has !== due) report("increment", `${counter} is ${has}, and ${due} increments were made`);
    const told = all.flatMap(({ steps }) => (steps[0]?.value["sums"] as number[] | undefined) ?? []);
    const twice = told.filter((sum, index) => told.indexOf(sum) !== index);
    if (twice.length > 0) report("increment", `${counter}: the sums ${twice.join(", ")} were told twice`);
  }
  for (const { id, mark, event, state, steps } of counting) {
    if (state !== SUCCEEDED) continue;
    const own = store.get(`own:${mark}`);
    if (own !== event["times"])
      report("increment", `run ${id} made ${String(event["times"])} increments, its own counter is ${String(own)}`);
    const log = JSON.stringify(store.get(`log:${mark}`));
    const kept = JSON.stringify([steps[0]?.value["sums"]]);
    if (log !== kept) report("increment", `run ${id} was told ${kept} and appended ${log}`);
  }
  const claims = Map.groupBy(counting, ({ event }) => String(event["claim"]));
  for (const [claim, all] of claims) {
    const winners = all.filter(({ steps }) => steps[0]?.value["claimed"] === true).map(({ mark }) => mark);
    const holder = store.get(claim);
    if (winners.length > 1 || (winners.length === 1 && winners[0] !== holder)) {
      report("claim", `${claim} belongs to ${String(holder)}, and was given to ${winners.join(", ")}`);
    }
  }
}
