import type { Command } from "commander";
import { poolApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { timeText } from "../output/run-document.ts";
import { table } from "../output/table.ts";
import { addRunnerAccessCommands } from "./runner-access.ts";
import type { Perform } from "../program.ts";

/** `millrace pools` and `millrace runners …`. */
export function addPoolCommands(program: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  program
    .command("pools")
    .description("list the pools: runs that wait and run, slots, runners")
    .action(() => perform(pools));
  const runners = program.command("runners").description("the runners of the house");
  runners
    .command("list", { isDefault: true })
    .description("list the runners with their slots, labels and warm environments")
    .option("--pool <pool>", "only those of one pool")
    .action((options: { pool?: string }) => perform((context) => listRunners(context, options)));
  runners
    .command("drain <name>")
    .description("let a runner take no further runs and end once its runs are over or handed back")
    .addHelpText("after", examples("millrace runners drain runner-1"))
    .action((name: string) => perform((context) => drainRunner(context, name)));
  addRunnerAccessCommands(runners, perform, examples);
}

/** Lists the pools. */
function pools(context: CommandContext): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const { pools: found } = await client.pools.listPools({});
    const rows = found.map((pool) => [
      lastPart(pool.name),
      String(pool.waitingCount) + (pool.incomplete ? "+" : ""),
      String(pool.runningCount) + (pool.incomplete ? "+" : ""),
      `${pool.freeSlotCount} of ${pool.slotCount} free`,
      String(pool.runnerCount),
    ]);
    const text = rows.length === 0 ? "No pools." : table(["POOL", "WAITING", "RUNNING", "SLOTS", "RUNNERS"], rows);
    return { json: found.map(poolDocument), text };
  });
}

function listRunners(context: CommandContext, { pool = "-" }: { pool?: string }): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const { runners } = await client.pools.listRunners({ parent: `pools/${pool}` });
    const rows = runners.map((runner) => [
      runner.runner,
      runner.pool,
      stateOf(runner),
      `${runner.freeSlotCount} of ${runner.slotCount} free`,
      String(runner.runCount),
      runner.pythonMinors.join(" "),
      runner.labels.join(" "),
      String(warmCount(runner)),
    ]);
    const header = ["RUNNER", "POOL", "STATE", "SLOTS", "RUNS", "PYTHON", "LABELS", "WARM"];
    return { json: runners.map(runnerDocument), text: rows.length === 0 ? "No runners." : table(header, rows) };
  });
}

function drainRunner(context: CommandContext, name: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const runner = await client.pools.drainRunner({ name: `pools/-/runners/${name}` });
    const runs = runner.runCount === 1 ? "1 run" : `${runner.runCount} runs`;
    return { json: runnerDocument(runner), text: `${name} takes no further runs and ends; it has ${runs}` };
  });
}

function poolDocument(pool: poolApi.Pool) {
  return {
    pool: lastPart(pool.name),
    waiting: pool.waitingCount,
    running: pool.runningCount,
    slots: pool.slotCount,
    slotsFree: pool.freeSlotCount,
    runners: pool.runnerCount,
    incomplete: pool.incomplete,
  };
}

function runnerDocument(runner: poolApi.Runner) {
  return {
    runner: runner.runner,
    pool: runner.pool,
    state: stateOf(runner),
    slots: runner.slotCount,
    slotsFree: runner.freeSlotCount,
    runs: runner.runCount,
    labels: runner.labels,
    pythonMinors: runner.pythonMinors,
    warm: runner.warmEnvironments.map(({ versionId, idleCount }) => ({ versionId, idle: idleCount })),
    seenTime: timeText(runner.seenTime),
  };
}

function stateOf({ state }: poolApi.Runner): string {
  return state === poolApi.RunnerState.DRAINING ? "DRAINING" : "READY";
}

function warmCount({ warmEnvironments }: poolApi.Runner): number {
  return warmEnvironments.reduce((sum, { idleCount }) => sum + idleCount, 0);
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
