import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import type { CommandContext, CommandResult } from "./command-context.ts";
import { exitCode } from "./exit-code.ts";
import { reportError, reportResult } from "./output/report.ts";
import { createStyle } from "./output/style.ts";
import { createProgram, usageError } from "./program.ts";

// Known before the command line is read, so that its own mistakes are reported in the right form.
const json = process.argv.slice(2).includes("--json");
const errorStyle = createStyle(hasColours(process.stderr));

function hasColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env["NO_COLOR"];
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}

async function perform(work: (context: CommandContext) => CommandResult | Promise<CommandResult>): Promise<void> {
  const given = program.opts<{ url?: string; key?: string; data?: string }>();
  const context: CommandContext = {
    url: given.url,
    key: given.key,
    data: given.data,
    json,
    style: createStyle(hasColours(process.stdout)),
    say: (line) => void (json || process.stdout.write(`${line}\n`)),
  };
  process.exitCode = reportResult(await work(context), json);
}

/** `--help` and `--version` end the parse with an error that is none. */
function isHelp(thrown: CommanderError): boolean {
  return thrown.exitCode === 0;
}

const program = createProgram(readVersion(), perform);
for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
  // With --json, mistakes are reported as a document below; commander's own text would stand beside it.
  command.exitOverride().configureOutput({ writeErr: (text) => void (json || process.stderr.write(text)) });
}

// A reader that closes early (`millrace runs | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCode.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    if (!isHelp(thrown) && json) reportError(usageError(thrown.message), json, errorStyle);
    process.exitCode = isHelp(thrown) ? exitCode.ok : exitCode.invalid;
  } else {
    process.exitCode = reportError(thrown, json, errorStyle);
  }
}
