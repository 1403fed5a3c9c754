import assert from "node:assert/strict";
import { after, before } from "node:test";

import type { RunDocument } from "@millrace/cli";
import { TestHouse, type TestHouseOptions, type TestWorkflow } from "./test-house.ts";

/** The house of this file's tests; there once `useHouse` has run. */
export let house: TestHouse;

/** Starts one house before the tests of a file and stops it behind them. Options that are not known before that come from a function. */
export function useHouse(options: TestHouseOptions | (() => Promise<TestHouseOptions>) = {}): void {
  before(async () => {
    house = await TestHouse.start(typeof options === "function" ? await options() : options);
  });
  after(() => house?.stop());
}

/** Stops everything of this file's house and starts it again. */
export async function restartHouse(): Promise<void> {
  house = await house.restart();
}

let count = 0;

/** Deploys steps (one source, or several by name) and runs them once on an event; returns how the run ended. */
export async function runSteps(steps: string | TestWorkflow["steps"], event: unknown = {}): Promise<RunDocument> {
  const { displayName } = await deploySteps(steps);
  return house.run(displayName, event);
}

/** Deploys steps under a name of their own, with an HTTP trigger that their `pd.respond` answers. */
export function deploySteps(
  steps: string | TestWorkflow["steps"],
  definition: Partial<TestWorkflow> = {},
): ReturnType<TestHouse["deploy"]> {
  const sources = typeof steps === "string" ? { code: steps } : steps;
  const name = `case-${++count}`;
  return house.deploy({ name, trigger: { http: { respond: "workflow" } }, ...definition, steps: sources });
}

/** The return value of a run's last step, which must have succeeded. */
export function valueOf(run: RunDocument): unknown {
  assert.equal(run.state, "SUCCEEDED", run.failure?.traceback);
  return run.steps.at(-1)?.returnValue;
}

/** Texts of all that a run has logged. */
export function linesOf(run: RunDocument): string[] {
  return [...run.logs, ...run.steps.flatMap(({ logs }) => logs)].map(({ text }) => text);
}
