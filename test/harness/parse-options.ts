import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** An option of a command that people type: what `parseArgs` wants, and a line for `--help`. */
interface Option {
  readonly type: "string" | "boolean";
  readonly default?: string | boolean;
  /** What stands for the value in `--help`, such as `N`; for options with one. */
  readonly value?: string;
  /** What an option with a value means when it is given without one. */
  readonly bare?: string;
  readonly about: string;
}

type Values<Options extends Record<string, Option>> = {
  [Name in keyof Options]: Options[Name] extends { type: "boolean" }
    ? boolean
    : Options[Name] extends { default: string }
      ? string
      : string | undefined;
};

/** Reads the options of a command; `--help` prints them, and one that does not exist is named, with the way to the help. */
export function parseOptions<const Options extends Record<string, Option>>(
  command: string,
  about: string,
  options: Options,
): Values<Options> {
  const known: ParseArgsOptionsConfig = {
    ...options,
    help: { type: "boolean", short: "h", default: false },
  };
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ args: withBare(process.argv.slice(2), options), options: known }));
  } catch (error) {
    const message = error instanceof Error ? error.message.split(". ")[0] : String(error);
    process.stderr.write(`${message}\nSee "${command} -- --help".\n`);
    process.exit(2);
  }
  if (values["help"] === true) {
    process.stdout.write(helpText(command, about, options));
    process.exit(0);
  }
  return values as Values<Options>;
}

/** Options that are given without their value, with what they mean then. */
function withBare(args: readonly string[], options: Record<string, Option>): string[] {
  return args.flatMap((arg, index) => {
    const bare = arg.startsWith("--") ? options[arg.slice(2)]?.bare : undefined;
    const next = args[index + 1];
    return bare !== undefined && (next === undefined || next.startsWith("-")) ? [arg, bare] : [arg];
  });
}

function helpText(command: string, about: string, options: Record<string, Option>): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const left = `--${name}${option.type === "string" ? ` ${option.value ?? "TEXT"}` : ""}`;
    const preset = typeof option.default === "string" ? ` (default ${option.default})` : "";
    return `  ${left.padEnd(18)} ${option.about}${preset}`;
  });
  return [`${command} -- [options]`, "", about, "", ...rows, ""].join("\n");
}
