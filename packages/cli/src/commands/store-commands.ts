import { InvalidArgumentError, Option, type Command } from "commander";
import type { Perform } from "../program.ts";
import {
  storeDelete,
  storeExport,
  storeGet,
  storeImport,
  storeList,
  storeSet,
  type StoreListOptions,
  type StoreSetOptions,
} from "./store.ts";

/** `millrace store …`. */
export function addStoreCommands(program: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  const store = program.command("store").description("look into the data stores that steps keep, and change them");
  store
    .command("list [store]")
    .description("list the data stores, or the records of one")
    .option("--prefix <text>", "only keys that start with it", "")
    .addOption(new Option("--limit <number>", "most records to list").default(100).argParser(parseCount))
    .addHelpText("after", examples("millrace store list", "millrace store list crm --prefix user:"))
    .action((name: string | undefined, options: StoreListOptions) =>
      perform((context) => storeList(context, name, options)),
    );
  store
    .command("get <store> <key>")
    .description("print the value of a key as JSON")
    .action((name: string, key: string) => perform((context) => storeGet(context, name, key)));
  store
    .command("set <store> <key> [value]")
    .description("write a key; the value is JSON, @file, or from stdin")
    .option("--text", "take the value as text, without quotes", false)
    .addOption(new Option("--ttl <seconds>", "how long the record lives").argParser(parseSeconds))
    .addHelpText(
      "after",
      examples(
        'millrace store set crm user:1 \'{"name": "Ada"}\'',
        "millrace store set crm greeting hello --text --ttl 3600",
        "millrace store set crm user:1 < user.json",
      ),
    )
    .action((name: string, key: string, value: string | undefined, options: StoreSetOptions) =>
      perform((context) => storeSet(context, name, key, value, options)),
    );
  store
    .command("delete <store> [key]")
    .description("delete a key, or with --all the store and everything in it")
    .option("--all", "delete the whole store", false)
    .action((name: string, key: string | undefined, options: { all: boolean }) =>
      perform((context) => storeDelete(context, name, key, options)),
    );
  store
    .command("export <store> <file>")
    .description("write all records to a file, one JSON object a line")
    .action((name: string, file: string) => perform((context) => storeExport(context, name, file)));
  store
    .command("import <store> <file>")
    .description("write the records of an exported file into a store; other keys stay as they are")
    .action((name: string, file: string) => perform((context) => storeImport(context, name, file)));
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 1_000_000) return count;
  throw new InvalidArgumentError("The limit is a whole number from 1 to 1000000.");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0) return seconds;
  throw new InvalidArgumentError("The time to live is a number of seconds above 0.");
}
