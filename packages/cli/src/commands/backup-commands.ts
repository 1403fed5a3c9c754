import type { Command } from "commander";
import type { Perform } from "../program.ts";
import { backup } from "./backup.ts";
import { restore, type RestoreCommandOptions } from "./restore.ts";

/** Commands that keep a house for the day after a disaster. */
export function addBackupCommands(program: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  program
    .command("backup")
    .description("write everything that a house keeps to a file, while it goes on")
    .option("--to <file>", "write to a file instead of standard output")
    .option("--without-history", "leave out runs that have ended, with their logs")
    .option("--with-master-key", "put the master key in: who has the backup can then read its secrets", false)
    .addHelpText(
      "after",
      "\nThe house is the one of --data, else the database of MILLRACE_DATABASE_URL, else the house on this machine.\n" +
        examples("millrace backup --to house.tar", "millrace backup | age -r age1… > house.tar.age"),
    )
    .action((options: { to?: string; withoutHistory?: boolean; withMasterKey: boolean }) =>
      perform((context) =>
        backup(context, {
          to: options.to,
          history: options.withoutHistory !== true,
          withMasterKey: options.withMasterKey,
        }),
      ),
    );
  program
    .command("restore <file>")
    .description("make a house of a backup: a new data folder (--data), or the empty database of MILLRACE_DATABASE_URL")
    .option("--paused", "disable all workflows, so that no trigger starts a run", false)
    .option("--without-unfinished", "leave out runs that had not ended; they would go on otherwise")
    .option("--check", "only read the backup and say whether it is whole", false)
    .addHelpText(
      "after",
      examples(
        "millrace restore house.tar --data /srv/restored",
        "age -d house.tar.age | MILLRACE_DATABASE_URL=postgres://… millrace restore -",
        "millrace restore house.tar --check",
      ),
    )
    .action(
      (file: string, options: Pick<RestoreCommandOptions, "paused" | "check"> & { withoutUnfinished?: boolean }) =>
        perform((context) => restore(context, file, { ...options, unfinished: options.withoutUnfinished !== true })),
    );
}
