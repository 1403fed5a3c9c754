import { PlatformError } from "@millrace/core";

/** What `parse` gets wrong is said as data: the caller gathers all problems of a process before it stops. */
export class SettingProblem extends PlatformError {
  constructor(message: string) {
    super("InvalidArgument", "INVALID_SETTING", message);
  }
}

/** One setting of a process: everything that parsing, `--help` and the reference table need. */
export interface Setting<Value> {
  /** Environment variable; the flag follows from it: `MILLRACE_HTTP_PORT` is `--http-port`. */
  readonly env: string;
  /** For people: what it does. Starts with a capital, ends with a full stop. */
  readonly description: string;
  /** As text, as a person would write it; undefined when the setting has none. */
  readonly defaultText: string | undefined;
  /** `number`, `text`, …: the reference table's column. */
  readonly type: string;
  /** `ms`, `bytes`, …; empty for none. */
  readonly unit: string;
  /** What is allowed, for people; empty when the type says it. */
  readonly range: string;
  readonly required: boolean;
  /** Never shown; may come from the file that `<env>_FILE` names. */
  readonly secret: boolean;
  /** Turns text into the value or throws a `SettingProblem`. */
  readonly parse: (text: string) => Value;
  readonly defaultValue: Value | undefined;
  /** What is wrong with it beside the other settings; undefined when they go together. */
  readonly fits?: ((all: Readonly<Record<string, unknown>>) => string | undefined) | undefined;
}

/** A process's settings by their names in code. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

/** The checked settings that follow from a table. */
export type SettingsOf<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

interface Common {
  env: string;
  description: string;
}

/** A whole number within bounds. */
export function integer(
  options: Common & { default: number; min: number; max: number; unit?: string; fits?: Setting<number>["fits"] },
): Setting<number> {
  const range = `${options.min} to ${options.max}`;
  return {
    ...shared(options, "integer"),
    unit: options.unit ?? "",
    fits: options.fits,
    range,
    defaultText: String(options.default),
    defaultValue: options.default,
    parse: (text) => {
      const value = /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
      if (value >= options.min && value <= options.max) return value;
      throw new SettingProblem(`must be a whole number from ${range}`);
    },
  };
}

/** Text that has a default, or none when it is optional. */
export function text(options: Common & { default: string; pattern?: RegExp; range?: string }): Setting<string> {
  return {
    ...shared(options, "text"),
    range: options.range ?? "",
    defaultText: options.default,
    defaultValue: options.default,
    parse: (value) => matching(value, options.pattern, options.range),
  };
}

/** Text that may be left out. */
export function optionalText(
  options: Common & { pattern?: RegExp; range?: string; secret?: boolean; fits?: Setting<unknown>["fits"] },
): Setting<string | undefined> {
  return {
    ...shared(options, "text"),
    secret: options.secret ?? false,
    fits: options.fits,
    range: options.range ?? "",
    parse: (value) => matching(value, options.pattern, options.range),
  };
}

/** Text without which the process does not start. */
export function requiredText(
  options: Common & { pattern?: RegExp; range?: string; secret?: boolean },
): Setting<string> {
  return {
    ...shared(options, "text"),
    secret: options.secret ?? false,
    required: true,
    range: options.range ?? "",
    parse: (value) => matching(value, options.pattern, options.range),
  };
}

/** A URL with one of the given schemes, required unless it has a default. */
export function url(
  options: Common & { schemes: readonly string[]; default?: string; secret?: boolean },
): Setting<string> {
  const range = options.schemes.map((scheme) => `${scheme}://…`).join(" or ");
  return {
    ...shared(options, "URL"),
    secret: options.secret ?? false,
    range,
    required: options.default === undefined,
    defaultText: options.default,
    defaultValue: options.default,
    parse: (value) => checkedUrl(value, options.schemes, range),
  };
}

/** An address of Postgres: a URL whose authority may name several servers. */
export function databaseUrl(options: Common): Setting<string> {
  const range = "postgres://… or postgresql://…";
  return {
    ...shared(options, "URL"),
    secret: true,
    range,
    required: true,
    parse: (value) => {
      const [, head, hosts, tail] = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?#]*)(.*)$/s.exec(value) ?? [];
      const addresses = hosts?.split(",").map((host) => `${head}${host}${tail}`) ?? [];
      if (addresses.length > 0 && addresses.every((address) => URL.canParse(address))) return value;
      throw new SettingProblem(`must be a URL: ${range}`);
    },
  };
}

/** A URL that may be left out. */
export function optionalUrl(options: Common & { schemes: readonly string[] }): Setting<string | undefined> {
  const range = options.schemes.map((scheme) => `${scheme}://…`).join(" or ");
  return { ...shared(options, "URL"), range, parse: (value) => checkedUrl(value, options.schemes, range) };
}

/** On or off. */
export function flag(options: Common & { default: boolean }): Setting<boolean> {
  return {
    ...shared(options, "boolean"),
    range: "true or false",
    defaultText: String(options.default),
    defaultValue: options.default,
    parse: (value) => {
      const known = BOOLEANS.get(value.trim().toLowerCase());
      if (known === undefined) throw new SettingProblem("must be true or false");
      return known;
    },
  };
}

/** One of a few words. */
export function choice<Word extends string>(
  options: Common & { words: readonly Word[]; default: Word },
): Setting<Word> {
  return {
    ...shared(options, "word"),
    range: options.words.join(", "),
    defaultText: options.default,
    defaultValue: options.default,
    parse: (value) => {
      const word = options.words.find((candidate) => candidate === value.trim());
      if (word === undefined) throw new SettingProblem(`must be one of: ${options.words.join(", ")}`);
      return word;
    },
  };
}

/** A list of plain names, separated by commas. */
export function list(
  options: Common & { default: readonly string[]; pattern: RegExp; range: string },
): Setting<readonly string[]> {
  return {
    ...shared(options, "list"),
    range: options.range,
    defaultText: options.default.join(","),
    defaultValue: options.default,
    parse: (value) => {
      const items = value.split(",").map((item) => item.trim());
      return items.filter((item) => item !== "").map((item) => matching(item, options.pattern, options.range));
    },
  };
}

const BOOLEANS = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

function shared(options: Common, type: string) {
  return {
    env: options.env,
    description: options.description,
    type,
    unit: "",
    range: "",
    required: false,
    secret: false,
    defaultText: undefined,
    defaultValue: undefined,
  };
}

function matching(value: string, pattern: RegExp | undefined, range: string | undefined): string {
  if (value === "") throw new SettingProblem("must not be empty");
  if (pattern === undefined || pattern.test(value)) return value;
  throw new SettingProblem(`must be ${range ?? `text that matches ${pattern.source}`}`);
}

/** NATS takes several addresses, so each of a comma-separated list is checked. */
function checkedUrl(value: string, schemes: readonly string[], range: string): string {
  for (const address of value.split(",")) {
    const scheme = URL.canParse(address.trim()) ? new URL(address.trim()).protocol.slice(0, -1) : undefined;
    if (scheme === undefined || !schemes.includes(scheme)) throw new SettingProblem(`must be a URL: ${range}`);
  }
  return value;
}
