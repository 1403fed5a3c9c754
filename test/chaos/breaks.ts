import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { checkoutFolder } from "@millrace/provision";
import type { Rule } from "./checker/check.ts";
import type { Kind } from "./client/workload.ts";
import type { PlannedFault, Round } from "./nemesis/schedule.ts";

/** A rule that is broken on purpose, in a copy of the sources: the checker is worth what it finds of them. */
export interface Break {
  readonly about: string;
  readonly file: string;
  /** Stands in the file once. */
  readonly find: string;
  readonly replace: string;
  /** What the checker must say; one of them is enough. */
  readonly caughtAs: readonly Rule[];
  /** Faults that bring it to light. */
  readonly rounds: readonly Round[];
  /** What the client asks for meanwhile, where most of all that it can ask for would not show it. */
  readonly kinds?: readonly Kind[];
  /** How often in a second, where it takes many for one to be in the middle of what is broken. */
  readonly rate?: number;
}

const SCHEDULERS = ["scheduler-1", "scheduler-2", "scheduler-3"];
const RUNNERS = ["runner-1", "runner-2", "runner-3", "runner-4"];

const GATEWAYS = ["gateway-1", "gateway-2"];
const NATS = ["nats-1", "nats-2", "nats-3"];

/** What it asks for is done, and it does not hear so. */
const deafen = (runner: string): PlannedFault => ({
  ...{ kind: "partition", holdMs: 6_000 },
  cuts: NATS.map((mute) => ({ deaf: runner, mute })),
});

const kill = (victim: string, afterMs = 0): PlannedFault => ({ kind: "kill", victim, holdMs: 1_000, afterMs });

/** The record hangs, and whoever has said more than it holds dies. */
function hangAndKill(victims: readonly string[]): Round[] {
  const hang: PlannedFault = { kind: "stop", victim: "primary", holdMs: 2_500 };
  return Array.from({ length: 3 }, () => ({
    faults: [hang, ...victims.map((victim) => kill(victim, 1_500))],
    peaceMs: 3_000,
  }));
}

const each = (victims: readonly string[], fault: (victim: string) => PlannedFault): Round[] =>
  victims.map((victim) => ({ faults: [fault(victim)], peaceMs: 4_000 }));

/** By the name that `--break` takes. */
export const BREAKS: Readonly<Record<string, Break>> = {
  "acknowledge-early": {
    about: "a submit is acknowledged before its commit",
    file: "packages/core/src/owner/owner.ts",
    find: "    state.commit(part, change, settle, { lapses: () => state.lapsed(part, run) });",
    replace:
      "    this.accepted(part, submit.runId, submit.gateway, submit.runId);\n    state.commit(part, change, settle, { lapses: () => state.lapsed(part, run) });",
    caughtAs: ["lost"],
    rounds: hangAndKill(SCHEDULERS),
  },
  "cancel-early": {
    about: "a cancel is acknowledged before its commit",
    file: "packages/core/src/owner/owner.ts",
    find: '    state.decide(part, run, decideCancel(run, cancel.reason, state.port.wallMs()), "CANCELLING", () => {',
    replace:
      '    this.cancelled(part, cancel, "CANCELLED");\n    state.decide(part, run, decideCancel(run, cancel.reason, state.port.wallMs()), "CANCELLING", () => {',
    caughtAs: ["cancel", "endedTwice"],
    rounds: hangAndKill(SCHEDULERS),
  },
  "answer-early": {
    about: "an answer is sent on before its checkpoint is committed",
    file: "packages/core/src/owner/owner.ts",
    find: "    const decision = decideCheckpoint(run, result);",
    replace:
      "    const decision = decideCheckpoint(run, result);\n    run.steps.push(result);\n    this.release(part, run, result);\n    run.steps.pop();",
    caughtAs: ["answer", "lost"],
    rounds: hangAndKill([...SCHEDULERS, ...RUNNERS]),
  },
  "checkpoints-forgotten": {
    about: "a run that goes on elsewhere begins at its first step",
    file: "packages/core/src/owner/dispatcher.ts",
    find: "      doneSteps: turn?.runs === 1 || !turn ? run.steps : run.steps.slice(0, -1),",
    replace: "      doneSteps: [],",
    caughtAs: ["rerun"],
    kinds: ["steps", "suspended", "parent"],
    rounds: Array.from({ length: 3 }, () => ({ faults: RUNNERS.map((victim) => kill(victim)), peaceMs: 4_000 })),
  },
  "limit-not-held": {
    about: "runs of a limited workflow start without a place",
    file: "packages/core/src/owner/dispatcher.ts",
    find: "    if (queue.concurrencyLimit === 0) return true;",
    replace: "    if (queue.concurrencyLimit >= 0) return true;",
    caughtAs: ["limit"],
    rounds: each(["scheduler-1"], kill),
  },
  "wakes-lost": {
    about: "a new owner does not ask when paused runs wake",
    file: "packages/core/src/owner/leaseholder.ts",
    find: "part.sleepers.expect(found.nextWakeMs ?? Infinity);",
    replace: "part.sleepers.expect(Infinity);",
    caughtAs: ["stuck"],
    rounds: each(SCHEDULERS, kill),
  },
  "keys-ignored": {
    about: "an idempotency key is not looked at",
    file: "packages/gateway/src/api/run-starter.ts",
    find: "idempotencyKey: requestId }",
    replace: 'idempotencyKey: "" }',
    caughtAs: ["doubled"],
    rounds: each(GATEWAYS, kill),
  },
  "writes-repeated": {
    about: "a write to a data store that is sent again is made again",
    file: "packages/gateway/src/calls/host-calls.ts",
    find: "  return { path, execution, number, request",
    replace: "  number += 1_000 * Math.floor(Math.random() * 990);\n  return { path, execution, number, request",
    caughtAs: ["increment", "claim"],
    kinds: ["counting"],
    rate: 20,
    rounds: Array.from({ length: 4 }, () => ({ faults: RUNNERS.map(deafen), peaceMs: 4_000 })),
  },
};

/** Copies the sources that processes are started from, with rules broken; returns the copy's folder. */
export function brokenCheckout(broken: readonly Break[], folder: string): string {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@millrace"), { recursive: true });
  const isOurs = (path: string): boolean => !path.endsWith("/node_modules") && !path.includes("/.venv");
  cpSync(join(checkoutFolder, "packages"), join(folder, "packages"), { recursive: true, filter: isOurs });
  cpSync(join(checkoutFolder, "package.json"), join(folder, "package.json"));
  for (const name of readdirSync(join(checkoutFolder, "node_modules"))) {
    if (name !== "@millrace") symlinkSync(join(checkoutFolder, "node_modules", name), join(modules, name));
  }
  for (const name of readdirSync(join(checkoutFolder, "node_modules/@millrace"))) {
    symlinkSync(join(folder, "packages", name), join(modules, "@millrace", name));
  }
  for (const each of broken) breakSource(join(folder, each.file), each);
  return folder;
}

/** Breaks the rule in its file. Throws when the place has changed: then the break no longer breaks anything. */
function breakSource(path: string, { file, find, replace }: Break): void {
  const pieces = readFileSync(path, "utf8").split(find);
  if (pieces.length !== 2) throw new Error(`${file} has ${pieces.length - 1} places with: ${find}`);
  writeFileSync(path, pieces.join(replace));
}
