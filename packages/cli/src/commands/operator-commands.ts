import { InvalidArgumentError, Option, type Command } from "commander";
import type { Perform } from "../program.ts";
import { initDeploy } from "./init-deploy.ts";
import { createKey, migrate, type CreateKeyOptions, type MigrateCommandOptions } from "./operator.ts";

const WAIT_DEFAULT_S = 600;
const WAIT_MAX_S = 86_400;

/** Commands for who runs a house on real hosts: they work on the record or on files, not through a gateway. */
export function addOperatorCommands(
  program: Command,
  perform: Perform,
  examples: (...lines: string[]) => string,
): void {
  program
    .command("migrate")
    .description("bring the database of MILLRACE_DATABASE_URL to this release's schema")
    .addOption(
      new Option("--phase <phase>", "pre: before the new processes start; post: after the old ones have gone")
        .choices(["pre", "post", "all"])
        .default("all"),
    )
    .addOption(
      new Option("--wait <seconds>", "how long post waits for processes of older releases")
        .default(WAIT_DEFAULT_S)
        .argParser(parseWait),
    )
    .addHelpText("after", examples("millrace migrate --phase pre", "millrace migrate --phase post --wait 900"))
    .action((options: MigrateCommandOptions) => perform((context) => migrate(context, options)));
  program
    .command("create-key")
    .description("make an API key in the database of MILLRACE_DATABASE_URL, and its project where it is missing")
    .option("--project <project>", "the project that the key belongs to", "default")
    .option("--name <name>", "what the key is for", "operator")
    .addHelpText("after", examples("millrace create-key --name laptop"))
    .action((options: CreateKeyOptions) => perform((context) => createKey(context, options)));
  program
    .command("init-deploy <folder>")
    .description("write the secrets and settings that deploy/compose is started with; what is there stays")
    .option("--public-url <url>", "address under which people reach the house", "http://localhost:7420")
    .addHelpText("after", examples("millrace init-deploy deploy/compose --public-url https://runs.example.org"))
    .action((folder: string, options: { publicUrl: string }) =>
      perform(() => initDeploy(folder, { publicUrl: options.publicUrl })),
    );
}

function parseWait(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= WAIT_MAX_S)) throw new InvalidArgumentError(`must be a whole number from 0 to ${WAIT_MAX_S}`);
  return seconds;
}
