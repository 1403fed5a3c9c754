import { InvalidArgumentError, Option, type Command } from "commander";
import type { Perform } from "../program.ts";
import { deadLetterList, deadLetterSettle, deadLetterSettleAll, type DeadLetterOptions } from "./dead-letters.ts";
import { retention, type RetentionOptions } from "./retention.ts";
import { addTimeFilters } from "./run-list.ts";

type Examples = (...lines: string[]) => string;

/** `millrace dead-letters` and `millrace retention`. */
export function addHistoryCommands(program: Command, perform: Perform, examples: Examples): void {
  addDeadLetterCommands(program, perform, examples);
  program
    .command("retention [workflow]")
    .description("show or set how long ended runs are kept: those of the project, or of one workflow")
    .addOption(new Option("--days <number>", "days behind a run's end, 1 to 3650").argParser(parseCount))
    .addOption(new Option("--runs <number>", "most ended runs of a workflow, 0 for any number").argParser(parseCount))
    .option("--clear", "leave it to the next in line again: workflow.yaml, the project, the house", false)
    .addHelpText("after", examples("millrace retention", "millrace retention hello --days 7 --runs 10000"))
    .action((workflow: string | undefined, options: RetentionOptions) =>
      perform((context) => retention(context, workflow, options)),
    );
}

function addDeadLetterCommands(program: Command, perform: Perform, examples: Examples): void {
  const letters = program
    .command("dead-letters")
    .description("list, replay and discard runs that have failed for good");
  addTimeFilters(letters.command("list [workflow]").description("list dead letters, newest first"))
    .addHelpText("after", examples("millrace dead-letters list", "millrace dead-letters list hello --text KeyError"))
    .action((workflow: string | undefined, options: DeadLetterOptions) =>
      perform((context) => deadLetterList(context, workflow, options)),
    );
  for (const [action, about] of [
    ["replay", "start a new run with the event and the version of a dead letter, once"],
    ["discard", "take a dead letter off the list; the run stays in history"],
  ] as const) {
    addTimeFilters(letters.command(`${action} [run]`).description(`${about}; or with --all, of all that match`))
      .option("--all", "all that match the filters", false)
      .option("--workflow <workflow>", "with --all: only of this workflow")
      .addHelpText(
        "after",
        examples(
          `millrace dead-letters ${action} 01890a5d-ac96-774b-bcce-b302099a8057`,
          `millrace dead-letters ${action} --all --workflow hello --since 2h`,
        ),
      )
      .action(
        (
          id: string | undefined,
          options: DeadLetterOptions & { all: boolean; workflow?: string },
          command: Command,
        ) => {
          if (options.all === (id !== undefined)) command.error("error: give either a run or --all");
          return perform((context) =>
            id === undefined
              ? deadLetterSettleAll(context, action, options.workflow, options)
              : deadLetterSettle(context, action, id),
          );
        },
      );
  }
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("This is a whole number.");
}
