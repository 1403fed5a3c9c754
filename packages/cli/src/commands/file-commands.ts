import { parseDurationMs } from "@millrace/core";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Perform } from "../program.ts";
import { filesDelete, filesGet, filesList, filesPut, filesUrl, type FilesListOptions } from "./files.ts";

const LIST_LIMIT_MAX = 1_000_000;

/** `millrace files`: the project's long-term file store. */
export function addFileCommands(program: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  const files = program.command("files").description("list, copy and delete the files that steps keep with pd.files");
  files
    .command("list [directory]")
    .description("list a directory; directories end with a slash")
    .option("-r, --recursive", "all files below it", false)
    .addOption(new Option("--limit <number>", "most entries to list").default(1_000).argParser(parseLimit))
    .addHelpText("after", examples("millrace files list", "millrace files list reports --recursive"))
    .action((directory: string | undefined, options: FilesListOptions) =>
      perform((context) => filesList(context, directory ?? "", options)),
    );
  files
    .command("get <path> [file]")
    .description("copy a file to this machine; - writes to stdout (default: its own name, here)")
    .addHelpText("after", examples("millrace files get reports/may.csv", "millrace files get logo.png - > logo.png"))
    .action((path: string, file: string | undefined) => perform((context) => filesGet(context, path, file)));
  files
    .command("put <file> [path]")
    .description("store a file of this machine, - for stdin, under a path (default: its own name)")
    .option("--type <type>", "media type (default: application/octet-stream)", "")
    .addHelpText("after", examples("millrace files put may.csv reports/may.csv --type text/csv"))
    .action((file: string, path: string | undefined, options: { type: string }) =>
      perform((context) => filesPut(context, file, path, options)),
    );
  files
    .command("delete <path>")
    .description("delete a file")
    .action((path: string) => perform((context) => filesDelete(context, path)));
  files
    .command("url <path>")
    .description("print an address under which whoever has it can read the file for a while")
    .addOption(new Option("--for <duration>", "how long it works, up to 168h (default: 30m)").argParser(parseLife))
    .addHelpText("after", examples("millrace files url reports/may.csv --for 2h"))
    .action((path: string, options: { for?: number }) =>
      perform((context) => filesUrl(context, path, { lifeMs: options.for })),
    );
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= LIST_LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`The limit is a whole number from 1 to ${LIST_LIMIT_MAX}.`);
}

function parseLife(text: string): number {
  const lifeMs = parseDurationMs(text);
  if (lifeMs !== undefined && lifeMs > 0) return lifeMs;
  throw new InvalidArgumentError("A duration is written as 30m, 2h or 90s.");
}
