import { ExactNumber, isContainer, type JsonObject, type JsonValue } from "../../ui/json-tree.ts";

/** One place in which two values differ, or do not. */
export interface JsonDifference {
  /** The keys on the way, as Python reads them; empty for the values themselves. */
  readonly path: string;
  readonly kind: "same" | "changed" | "added" | "removed";
  /** What is there on the left; undefined when nothing is. */
  readonly left: JsonValue | undefined;
  readonly right: JsonValue | undefined;
}

/** More than these nobody reads. */
export const MOST_DIFFERENCES = 2_000;

/** Where two values differ: at most `MOST_DIFFERENCES` places; with `withSame` also where they do not. */
export function diffJson(
  left: JsonValue | undefined,
  right: JsonValue | undefined,
  withSame = false,
): JsonDifference[] {
  const found: JsonDifference[] = [];
  const visit = (path: string, a: JsonValue | undefined, b: JsonValue | undefined): void => {
    if (found.length >= MOST_DIFFERENCES) return;
    if (a === undefined || b === undefined) {
      if (a !== b) found.push({ path, kind: a === undefined ? "added" : "removed", left: a, right: b });
    } else if (isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const key of keysOf(a, b)) visit(`${path}[${key}]`, partOf(a, key), partOf(b, key));
    } else if (!isSame(a, b)) found.push({ path, kind: "changed", left: a, right: b });
    else if (withSame) found.push({ path, kind: "same", left: a, right: b });
  };
  visit("", left, right);
  return found;
}

/** The keys of both, those of the left one first; as JSON, so that 1 and "1" are two. */
function keysOf(a: readonly JsonValue[] | JsonObject, b: readonly JsonValue[] | JsonObject): Iterable<string> {
  if (Array.isArray(a)) {
    return Array.from({ length: Math.max(a.length, (b as readonly JsonValue[]).length) }, (_, index) => String(index));
  }
  return new Set([...Object.keys(a), ...Object.keys(b)].map((key) => JSON.stringify(key)));
}

function partOf(container: readonly JsonValue[] | JsonObject, key: string): JsonValue | undefined {
  if (Array.isArray(container)) return (container as readonly JsonValue[])[Number(key)];
  const name = JSON.parse(key) as string;
  return Object.hasOwn(container, name) ? (container as JsonObject)[name] : undefined;
}

function isSame(a: JsonValue, b: JsonValue): boolean {
  if (a instanceof ExactNumber || b instanceof ExactNumber) {
    return a instanceof ExactNumber && b instanceof ExactNumber && a.text === b.text;
  }
  // Two empty containers of one kind have been taken apart already.
  return a === b;
}
