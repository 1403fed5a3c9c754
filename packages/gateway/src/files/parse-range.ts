import type { ByteRange } from "@millrace/store";

/** What a request's `range` header asks for: the whole content, one part of it, or a part that it does not have. */
export type WantedRange = ByteRange | "WHOLE" | "UNSATISFIABLE";

const RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/;

/** Reads a `range` header for a content of the given size. Several ranges, and what makes no sense, mean the whole. */
export function parseRange(header: string | undefined, size: number): WantedRange {
  const [, first, last] = RANGE.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return "WHOLE";
  if (first === "") {
    const count = Math.min(Number(last), size);
    return count === 0 ? "UNSATISFIABLE" : { start: size - count, end: size };
  }
  const start = Number(first);
  const end = last === "" ? Infinity : Number(last) + 1;
  if (end <= start) return "WHOLE";
  return start >= size ? "UNSATISFIABLE" : { start, end: Math.min(end, size) };
}
