import { parseBytes, PlatformError } from "@millrace/core";
import { Command, InvalidArgumentError, Option } from "commander";
import type { CommandContext, CommandResult } from "./command-context.ts";
import { addAccountCommands } from "./commands/account-commands.ts";
import { deploy } from "./commands/deploy.ts";
import { envList, envSet, envUnset } from "./commands/env.ts";
import { addBackupCommands } from "./commands/backup-commands.ts";
import { addFileCommands } from "./commands/file-commands.ts";
import { init } from "./commands/init.ts";
import { logs } from "./commands/logs.ts";
import { project, type ProjectOptions } from "./commands/project.ts";
import { replay, run } from "./commands/run.ts";
import { resume } from "./commands/resume.ts";
import { addHistoryCommands } from "./commands/history-commands.ts";
import { addRunFilters, type RunListOptions } from "./commands/run-list.ts";
import { cancel, runs } from "./commands/runs.ts";
import { value, type ValueOptions } from "./commands/value.ts";
import { status } from "./commands/status.ts";
import { submit } from "./commands/submit.ts";
import { disable, enable, remove, workflows } from "./commands/workflows.ts";
import { addPoolCommands } from "./commands/pool-commands.ts";
import { addOperatorCommands } from "./commands/operator-commands.ts";
import { addStoreCommands } from "./commands/store-commands.ts";
import { dev, doctor, type DevCommandOptions } from "./commands/house.ts";

const EXIT_CODES = `
Exit codes: 0 done, 1 internal, 2 usage or invalid input, 3 not found, 4 not allowed, 5 house not reachable,
6 the run failed, 7 wrong state, 8 limit reached, 9 took too long.`;

/** Runs a command's work and keeps its exit code; the program's owner decides how that is done. */
export type Perform = (work: (context: CommandContext) => CommandResult | Promise<CommandResult>) => Promise<void>;

/** The command line: every command with its arguments, options and help. */
export function createProgram(version: string, perform: Perform): Command {
  const program = new Command("millrace")
    .description("Millrace runs Python workflows: deploy a folder, and an HTTP request makes it run.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "show help")
    .addOption(new Option("--url <url>", "address of the house").env("MILLRACE_URL"))
    .addOption(new Option("--key <key>", "API key of the house").env("MILLRACE_API_KEY"))
    .option("--data <folder>", "data folder of a house on this machine (MILLRACE_DATA; else the one started last)")
    .option("--json", "print one JSON document on stdout and nothing else there")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXIT_CODES)
    .showHelpAfterError("(add --help for the command's arguments and options)")
    .exitOverride();
  addHouseCommands(program, perform);
  addWorkflowCommands(program, perform);
  addRunCommands(program, perform);
  addRunControls(program, perform);
  addHistoryCommands(program, perform, examples);
  addEnvCommands(program, perform);
  addAccountCommands(program, perform, examples);
  addStoreCommands(program, perform, examples);
  addFileCommands(program, perform, examples);
  addPoolCommands(program, perform, examples);
  addOperatorCommands(program, perform, examples);
  addBackupCommands(program, perform, examples);
  return program;
}

function addHouseCommands(program: Command, perform: Perform): void {
  program
    .command("dev")
    .description("run the whole house on this machine until Ctrl-C")
    .addOption(new Option("--port <port>", "the gateway's HTTP port (default: 7420)").argParser(parsePort))
    .addOption(
      new Option("--grpc-port <port>", "the gateway's gRPC port (default: the one behind it)").argParser(parsePort),
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--public-url <url>", "address under which others reach the triggers (default: the gateway's own)")
    .option("--separate", "run gateway and scheduler as processes of their own, as a cluster does", false)
    .addHelpText("after", examples("millrace dev", "millrace dev --data /srv/millrace --port 9000"))
    .action((options: DevCommandOptions) => perform((context) => dev(context, options)));
  program
    .command("status")
    .description("show the processes of the house")
    .action(() => perform(status));
  program
    .command("doctor")
    .description("say what works on this machine and what does not, with the remedy")
    .action(() => perform(doctor));
}

function addWorkflowCommands(program: Command, perform: Perform): void {
  program
    .command("init <folder>")
    .description("make a folder with a workflow that runs as it is")
    .addHelpText("after", examples("millrace init hello"))
    .action((folder: string) => perform((context) => init(context, folder)));
  program
    .command("deploy <folder>")
    .description("deploy a workflow's folder; returns when the new version is live")
    .option("--upgrade", "take the newest packages that fit instead of those of the version before", false)
    .addHelpText("after", examples("millrace deploy hello", "millrace deploy examples/pokemon --json"))
    .action((folder: string, options: { upgrade: boolean }) =>
      perform((context) => deploy(context, folder, { upgrade: options.upgrade })),
    );
  program
    .command("workflows [workflow]")
    .description("list the workflows, or show one")
    .action((workflow?: string) => perform((context) => workflows(context, workflow)));
  program
    .command("enable <workflow>")
    .description("let a workflow's triggers start runs again")
    .action((workflow: string) => perform((context) => enable(context, workflow)));
  program
    .command("disable <workflow>")
    .description("stop a workflow from starting runs; its triggers answer 404")
    .action((workflow: string) => perform((context) => disable(context, workflow)));
  program
    .command("delete <workflow>")
    .description("delete a workflow with its versions and triggers; its runs stay in history")
    .action((workflow: string) => perform((context) => remove(context, workflow)));
}

function addRunCommands(program: Command, perform: Perform): void {
  program
    .command("run <workflow>")
    .description("start a run and wait for its end and its last log line")
    .option("--event <json>", "the event, handed over verbatim: JSON, @file, or - for stdin (default: {})")
    .addOption(
      new Option("--priority <number>", "waiting runs with a higher one start first, from -100 to 100").argParser(
        parseWhole,
      ),
    )
    .option("--no-wait", "return as soon as the run is durable")
    .addHelpText(
      "after",
      examples(
        `millrace run hello --event '{"name": "Ada"}'`,
        "millrace run hello --event @event.json",
        "echo '[1]' | millrace run hello --event -",
      ),
    )
    .action((workflow: string, { event, priority, wait }: { event?: string; priority?: number; wait: boolean }) =>
      perform((context) => run(context, workflow, { event, priority, wait })),
    );
  program
    .command("submit <workflow> [file]")
    .description("start a run for each line of a file, or of what is piped in: each line is an event, as JSON")
    .addOption(
      new Option("--priority <number>", "waiting runs with a higher one start first, from -100 to 100").argParser(
        parseWhole,
      ),
    )
    .addHelpText("after", examples("millrace submit import events.ndjson", "zcat events.gz | millrace submit import"))
    .action((workflow: string, file: string | undefined, { priority }: { priority?: number }) =>
      perform((context) => submit(context, workflow, file ?? "-", { priority })),
    );
  addRunFilters(
    program
      .command("runs [run]")
      .description('list runs, newest first ("list" or nothing), or show one with its steps and its log'),
  )
    .addHelpText(
      "after",
      examples(
        "millrace runs list --workflow hello --state FAILED --since 2h",
        "millrace runs 01890a5d-ac96-774b-bcce-b302099a8057",
      ),
    )
    .action((id: string | undefined, options: RunListOptions) => perform((context) => runs(context, id, options)));
  program
    .command("value <run>")
    .description("write one value of a run out, however large it is: the exports of a step unless said otherwise")
    .option("--event", "the event", false)
    .option("--step <step>", "which step's value")
    .option("--returned", "the step's return value", false)
    .option("--answer", "the body of the step's answer", false)
    .option("--to <file>", "write to a file instead of standard output")
    .addHelpText(
      "after",
      examples("millrace value <run> --event", "millrace value <run> --step fetch --to exports.json"),
    )
    .action((id: string, options: Omit<ValueOptions, "step" | "to"> & { step?: string; to?: string }) =>
      perform((context) => value(context, id, { ...options, step: options.step, to: options.to })),
    );
  program
    .command("logs <run-or-workflow>")
    .description("show what a run has logged, or a workflow's newest run")
    .option("-f, --follow", "go on with what is written from now on", false)
    .addHelpText("after", examples("millrace logs hello", "millrace logs -f hello"))
    .action((target: string, options: { follow: boolean }) => perform((context) => logs(context, target, options)));
}

function addRunControls(program: Command, perform: Perform): void {
  program
    .command("cancel <run>")
    .description("cancel a run and wait until it has ended")
    .option("--reason <text>", "kept as the run's exit reason", "")
    .action((id: string, options: { reason: string }) => perform((context) => cancel(context, id, options)));
  program
    .command("resume <run>")
    .description("end a run's pause: it goes on at once")
    .option("--value <json>", "what later steps find as $resume_data: JSON, @file, or - for stdin")
    .addHelpText("after", examples(`millrace resume 01890a5d-ac96-774b-bcce-b302099a8057 --value '{"approved": true}'`))
    .action((id: string, options: { value?: string }) => perform((context) => resume(context, id, options.value)));
  program
    .command("replay <run>")
    .description("start a new run with the event and the version of an earlier one, from its first step")
    .option("--no-wait", "return as soon as the new run is durable")
    .action((id: string, options: { wait: boolean }) => perform((context) => replay(context, id, options)));
}

function addEnvCommands(program: Command, perform: Perform): void {
  program
    .command("project")
    .description("show the settings of the project, or change those that are named")
    .option("--email-to <address>", "to whom pd.send.email sends when the step names nobody")
    .option("--no-email-to", "then to nobody")
    .addOption(
      new Option("--storage-limit <size>", "most that the project may store, such as 10GiB").argParser(parseSize),
    )
    .option("--no-storage-limit", "as much as the house allows")
    .addOption(
      new Option("--queue-limit <runs>", "most runs of the project that wait at the same time").argParser(parseWhole),
    )
    .option("--no-queue-limit", "as many as the house's setting says")
    .addHelpText("after", examples("millrace project --email-to ada@example.org"))
    .action((options: ProjectOptions) => perform((context) => project(context, options)));
  const env = program.command("env").description("set and list the environment variables that steps see");
  env
    .command("set <NAME> [value]")
    .description("set a variable; the value comes from the argument or, better, from stdin")
    .option("--plain", "show the value in lists and logs; without it the variable is secret", false)
    .addHelpText("after", examples("millrace env set API_TOKEN < token.txt", "millrace env set REGION eu-west --plain"))
    .action((name: string, value: string | undefined, options: { plain: boolean }) =>
      perform((context) => envSet(context, name, value, options)),
    );
  env
    .command("list")
    .description("list the variables; values of secret ones are not shown")
    .action(() => perform(envList));
  env
    .command("unset <NAME>")
    .description("delete a variable")
    .action((name: string) => perform((context) => envUnset(context, name)));
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

function parseWhole(text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a whole number.`);
}

function parseSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError("A size is written as 500MB or 10GiB.");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
}

/** A mistake on the command line as an error with a reason. */
export function usageError(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "USAGE", message.replace(/^error: /, ""));
}
