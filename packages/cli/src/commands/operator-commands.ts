import { InvalidArgumentError, Option, type Command } from "commander";
import type { Perform } from "../program.ts";
import { initDeploy, type InitDeployOptions } from "./init-deploy.ts";
import { createKey, migrate, type CreateKeyOptions, type MigrateCommandOptions } from "./operator.ts";

const WAIT_DEFAULT_S = 600;
const WAIT_MAX_S = 86_400;
const POOL = /^[A-Za-z0-9_-]{1,64}$/;

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
    .description("write the secrets and settings that a house on real hosts is started with; what is there stays")
    .option("--public-url <url>", "address under which people reach the house", "http://localhost:7420")
    .addOption(
      new Option("--pools <names>", "pools that runners may join, separated by commas")
        .default(["default"], "default")
        .argParser(parsePools),
    )
    .option("--database-url <url>", "a database of yours")
    .option("--database-host <host>", "host of a database that is made with a password from here", "postgres")
    .addHelpText(
      "after",
      examples(
        "millrace init-deploy deploy/compose --public-url https://runs.example.org",
        "millrace init-deploy house --pools default,gpu --database-url postgres://millrace:…@db.example.org/millrace",
      ),
    )
    .action((folder: string, options: InitDeployOptions) => perform(() => initDeploy(folder, options)));
}

function parseWait(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= WAIT_MAX_S)) throw new InvalidArgumentError(`must be a whole number from 0 to ${WAIT_MAX_S}`);
  return seconds;
}

function parsePools(text: string): string[] {
  const pools = text.split(",").map((pool) => pool.trim());
  if (!pools.every((pool) => POOL.test(pool))) {
    throw new InvalidArgumentError("must be names of 1 to 64 letters, digits, - and _");
  }
  return pools;
}
