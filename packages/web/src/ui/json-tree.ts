/** A number that a JavaScript number cannot hold as it was written. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a JSON text says; numbers keep every digit. */
export type JsonValue = null | boolean | number | string | ExactNumber | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Where a careful reading of each number may matter: such runs of digits are not always exact. */
const LONG_NUMBER = /[0-9]{16}|[0-9][eE]/;

/** Reads a JSON text. Throws a `SyntaxError` when it is none. */
export function readJson(text: string): JsonValue {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as JsonValue;
  return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    return typeof value === "number" && source !== undefined && String(value) !== source
      ? new ExactNumber(source)
      : value;
  }) as JsonValue;
}

/** A value as JSON, laid out to be read. */
export function writeJson(value: JsonValue, indent?: number): string {
  const raw: string[] = [];
  const text = JSON.stringify(
    value,
    (_key, part: JsonValue) => (part instanceof ExactNumber ? `\u0000${raw.push(part.text) - 1}\u0000` : part),
    indent,
  );
  return raw.length === 0 ? text : text.replaceAll(/"\\u0000([0-9]+)\\u0000"/g, (_all, at: string) => raw[Number(at)]!);
}

/** One line of a tree. */
export interface TreeRow {
  readonly depth: number;
  /** Undefined for the root. */
  readonly name: string | number | undefined;
  readonly value: JsonValue;
  /** The line that it is a part of. */
  readonly parent: TreeRow | undefined;
  /** True when it can be opened: it has parts, or is too long for a line. */
  readonly opens: boolean;
  readonly open: boolean;
}

/** Lines that are not as they are by themselves: containers as what they are, long texts by their paths. */
export type Toggled = ReadonlySet<JsonValue>;

const LINE_CHARACTERS = 120;
/** Containers of so few parts, so high up, are open from the beginning. */
const OPEN_PARTS = 24;
const OPEN_DEPTH = 2;

export function isContainer(value: JsonValue): value is readonly JsonValue[] | JsonObject {
  return typeof value === "object" && value !== null && !(value instanceof ExactNumber);
}

/** How many parts a container has. */
export function partCount(value: readonly JsonValue[] | JsonObject): number {
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

function hasParts(value: readonly JsonValue[] | JsonObject): boolean {
  if (Array.isArray(value)) return value.length > 0;
  // Not by a list of all keys: some objects have hundreds of thousands.
  for (const key in value as JsonObject) if (Object.hasOwn(value, key)) return true;
  return false;
}

function isLong(value: JsonValue): boolean {
  return typeof value === "string" && (value.length > LINE_CHARACTERS || value.includes("\n"));
}

/** True when a line that nobody has touched is open. */
function opensItself(value: JsonValue, depth: number): boolean {
  return isContainer(value) && (depth === 0 || (depth < OPEN_DEPTH && partCount(value) <= OPEN_PARTS));
}

/** How Python reads a line, from the root's own path on. */
export function pathOf({ name, parent }: TreeRow, root: string): string {
  return parent === undefined ? root : `${pathOf(parent, root)}[${JSON.stringify(name)}]`;
}

/** What tells that a line was toggled. */
export function toggleOf(row: TreeRow): JsonValue {
  return isContainer(row.value) ? row.value : pathOf(row, "");
}

/** The lines of a tree that can be seen: made for hundreds of thousands, so nothing is done here that only a drawn line needs. */
export function treeRows(root: JsonValue, toggled: Toggled): TreeRow[] {
  const rows: TreeRow[] = [];
  const visit = (value: JsonValue, name: TreeRow["name"], parent: TreeRow | undefined, depth: number): void => {
    const hasInside = isContainer(value);
    const opens = hasInside ? hasParts(value) : isLong(value);
    const row = { depth, name, value, parent, opens, open: false };
    row.open = opens && opensItself(value, depth) !== toggled.has(hasInside ? value : toggleOf(row));
    rows.push(row);
    if (!row.open || !hasInside) return;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) visit(value[index] as JsonValue, index, row, depth + 1);
      return;
    }
    for (const [key, part] of Object.entries(value as JsonObject)) visit(part, key, row, depth + 1);
  };
  visit(root, undefined, undefined, 0);
  return rows;
}
