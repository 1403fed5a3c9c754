import { readFileSync } from "node:fs";
import { PlatformError, coerceError } from "@millrace/core";
import type { Setting, SettingTable, SettingsOf } from "./setting.ts";

/** Where settings come from. */
export interface SettingSource {
  /** Environment variables. Default: the process's own. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Command line without the program. Default: the process's own. Flags win over the environment. */
  args?: readonly string[];
}

/** One thing that is wrong with the settings, naming the variable but never a secret's value. */
export interface SettingsProblem {
  env: string;
  message: string;
}

/** The flag of a setting: `MILLRACE_HTTP_PORT` is `--http-port`. */
export function flagOf(setting: Setting<unknown>): string {
  return `--${setting.env
    .replace(/^MILLRACE_/, "")
    .toLowerCase()
    .replaceAll("_", "-")}`;
}

/** Parses a process's settings. Throws one `INVALID_SETTINGS` that lists everything that is wrong. */
export function parseSettings<Table extends SettingTable>(table: Table, source: SettingSource = {}): SettingsOf<Table> {
  const env = source.env ?? process.env;
  const problems: SettingsProblem[] = [];
  const given = parseFlags(table, source.args ?? process.argv.slice(2), problems);
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    settings[name] = parseOne(setting, given.get(setting.env), env, problems);
  }
  // Only when each is right by itself: what a wrong one would have been is not known.
  if (problems.length === 0) problems.push(...misfits(table, settings));
  if (problems.length > 0) throw invalidSettings(problems);
  return Object.freeze(settings) as SettingsOf<Table>;
}

/** The error for settings that do not fit together, for checks beyond single ones. */
export function invalidSettings(problems: readonly SettingsProblem[]): PlatformError {
  const lines = problems.map(({ env, message }) => `  ${env}: ${message}`);
  return new PlatformError("InvalidArgument", "INVALID_SETTINGS", `the settings are not right:\n${lines.join("\n")}`, {
    metadata: Object.fromEntries(problems.map(({ env, message }) => [env, message])),
  });
}

function misfits(table: SettingTable, settings: Readonly<Record<string, unknown>>): SettingsProblem[] {
  return Object.values(table).flatMap(({ env, fits }) => {
    const message = fits?.(settings);
    return message === undefined ? [] : [{ env, message }];
  });
}

function parseFlags(table: SettingTable, args: readonly string[], problems: SettingsProblem[]): Map<string, string> {
  const byFlag = new Map(Object.values(table).map((setting) => [flagOf(setting), setting]));
  const given = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const [name, inline] = splitFlag(args[index]!);
    const setting = byFlag.get(name);
    if (setting === undefined) {
      problems.push({ env: name, message: "is not a setting of this process" });
    } else if (setting.secret) {
      problems.push({
        env: name,
        message: `is a secret and would be seen in the process list: set ${setting.env} or ${setting.env}_FILE`,
      });
      if (inline === undefined) index++;
    } else if (inline !== undefined) {
      given.set(setting.env, inline);
    } else if (setting.type === "boolean" && (args[index + 1] === undefined || args[index + 1]!.startsWith("--"))) {
      given.set(setting.env, "true");
    } else if (args[index + 1] === undefined) {
      problems.push({ env: name, message: "needs a value" });
    } else {
      given.set(setting.env, args[++index]!);
    }
  }
  return given;
}

function splitFlag(argument: string): [string, string | undefined] {
  const equals = argument.indexOf("=");
  return argument.startsWith("--") && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined];
}

function parseOne(
  setting: Setting<unknown>,
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  problems: SettingsProblem[],
): unknown {
  try {
    const found = given ?? fromEnvironment(setting, env);
    if (found !== undefined) return setting.parse(found);
    if (setting.required) problems.push({ env: setting.env, message: `is missing. ${setting.description}` });
    return setting.defaultValue;
  } catch (thrown) {
    problems.push({ env: setting.env, message: coerceError(thrown).message });
    return undefined;
  }
}

/** An empty variable counts as unset, as compose files and shells make them. */
function fromEnvironment(
  setting: Setting<unknown>,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const direct = env[setting.env];
  if (direct !== undefined && direct !== "") return direct;
  const path = setting.secret ? env[`${setting.env}_FILE`] : undefined;
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (thrown) {
    throw new PlatformError(
      "InvalidArgument",
      "INVALID_SETTING",
      `the file of ${setting.env}_FILE cannot be read: ${coerceError(thrown).message}`,
    );
  }
}
