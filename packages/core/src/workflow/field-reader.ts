/** Something wrong in a definition. */
export interface DefinitionProblem {
  /** Where, such as `steps[1].python`; empty for the definition as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A number that a definition may give, with its bounds and how people write it. */
export interface QuantityRule {
  readonly parse: (value: unknown) => number | undefined;
  readonly format: (value: number) => string;
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  /** Names the form, such as `a duration such as "30s"`. */
  readonly expected: string;
}

/** Text that a definition may give. */
export interface TextRule {
  readonly pattern: RegExp;
  readonly lengthMax: number;
  readonly expected: string;
}

/**
 * Reads the fields of one object of a definition and notes every problem with its path, so that an author sees all of
 * them at once. Each method returns a harmless value in place of a bad one.
 */
export class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: DefinitionProblem[];
  readonly #known = new Set<string>();

  private constructor(fields: Record<string, unknown>, path: string, problems: DefinitionProblem[]) {
    this.#fields = fields;
    this.#path = path;
    this.#problems = problems;
  }

  /** A reader of `value`; undefined, with a problem noted, when it is not an object. */
  static open(value: unknown, path: string, problems: DefinitionProblem[]): FieldReader | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return new FieldReader(value as Record<string, unknown>, path, problems);
    }
    problems.push({ path, message: value === undefined ? "missing" : `expected an object, got ${describe(value)}` });
    return undefined;
  }

  /** The path of a field. */
  pathOf(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  /** The raw value of a field; undefined when it is absent or null. */
  value(key: string): unknown {
    this.#known.add(key);
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined;
  }

  problem(key: string, message: string): void {
    this.#problems.push({ path: key === "" ? this.#path : this.pathOf(key), message });
  }

  /** A field that must be text of a certain form. */
  text(key: string, rule: TextRule): string {
    const value = this.value(key);
    if (value === undefined) this.problem(key, "missing");
    else if (typeof value !== "string") this.problem(key, `expected ${rule.expected}, got ${describe(value)}`);
    else if (value.length > rule.lengthMax) this.problem(key, `longer than ${rule.lengthMax} characters`);
    else if (!rule.pattern.test(value)) this.problem(key, `expected ${rule.expected}, got ${describe(value)}`);
    else return value;
    return "";
  }

  /** A field that may be left out and is one of some words otherwise. */
  choice<T extends string>(key: string, words: readonly T[], fallback: T): T {
    const value = this.value(key);
    if (value === undefined) return fallback;
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) this.problem(key, `expected one of ${words.join(", ")}, got ${describe(value)}`);
    return word ?? fallback;
  }

  /** A field that may be left out and is true or false otherwise. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key);
    if (value === undefined || typeof value === "boolean") return value ?? fallback;
    this.problem(key, `expected true or false, got ${describe(value)}`);
    return fallback;
  }

  /** A field that may be left out and is a number with bounds otherwise. */
  quantity(key: string, rule: QuantityRule): number {
    const value = this.value(key);
    if (value === undefined) return rule.fallback;
    const number = rule.parse(value);
    if (number === undefined) {
      this.problem(key, `expected ${rule.expected}, got ${describe(value)}`);
      return rule.fallback;
    }
    if (number >= rule.min && number <= rule.max) return number;
    this.problem(key, `must be from ${rule.format(rule.min)} to ${rule.format(rule.max)}, got ${describe(value)}`);
    return rule.fallback;
  }

  /** A field that is a list; empty, with a problem noted, when it is anything else. */
  list(key: string, bounds: { min: number; max: number }): readonly unknown[] {
    const value = this.value(key);
    if (value === undefined && bounds.min === 0) return [];
    if (!Array.isArray(value)) {
      this.problem(key, value === undefined ? "missing" : `expected a list, got ${describe(value)}`);
      return [];
    }
    if (value.length < bounds.min) this.problem(key, `needs at least ${bounds.min}`);
    if (value.length > bounds.max) this.problem(key, `has ${value.length} entries, at most ${bounds.max} are allowed`);
    return value.slice(0, bounds.max);
  }

  /** A list of texts that may be left out; what is wrong with one of them is told of the list. */
  texts(key: string, rule: TextRule, most: number): string[] {
    const items = this.list(key, { min: 0, max: most });
    const fits = (item: unknown): item is string =>
      typeof item === "string" && item.length <= rule.lengthMax && rule.pattern.test(item);
    for (const item of items) if (!fits(item)) this.problem(key, `expected ${rule.expected}, got ${describe(item)}`);
    return items.filter(fits);
  }

  /** Notes every field that nobody asked for: most are typing mistakes. */
  finish(): void {
    for (const key of Object.keys(this.#fields)) {
      if (this.#known.has(key)) continue;
      const known = [...this.#known].join(", ");
      this.problem(printable(key), `unknown (known here: ${known})`);
    }
  }
}

/** A value as an error message shows it: short and without control characters. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(printable(value));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

function printable(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
