/** A line of a `.env` file that means something. */
export interface DotenvEntry {
  readonly name: string;
  readonly value: string;
  readonly line: number;
  /** Why it cannot be taken; undefined when it can. */
  readonly problem?: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const ASSIGNMENT = /^\s*(?:export\s+)?([^=\s]+)\s*=[^\S\n]*/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
const VALUE_BYTES_MAX = 64 * 1024;

/** What is wrong with a variable's name; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return "A name is letters, digits and _, no digit first, at most 128.";
  if (/^(MILLRACE|PIPEDREAM)_/.test(name))
    return "Names that begin with MILLRACE_ or PIPEDREAM_ are the platform’s own.";
  return undefined;
}

/** What is wrong with a variable's value; undefined when nothing is. */
export function valueProblem(value: string): string | undefined {
  if (value.includes("\0")) return "A value has no NUL in it.";
  return new TextEncoder().encode(value).length > VALUE_BYTES_MAX ? "A value has at most 64 KiB." : undefined;
}

/**
 * Reads the text of a `.env` file: comments, `export`, and values that are bare, in single quotes (as they are) or in double
 * quotes (with escapes); quoted ones may span lines. Of two lines with one name the last one holds.
 */
export function parseDotenv(text: string): readonly DotenvEntry[] {
  const source = text.replaceAll("\r\n", "\n");
  const found = new Map<string, DotenvEntry>();
  for (let at = 0, line = 1; at < source.length;) {
    const end = endOfEntry(source, at);
    const entry = entryOf(source.slice(at, end), line);
    if (entry !== undefined) {
      found.delete(entry.name);
      found.set(entry.name, entry);
    }
    line += source.slice(at, end).split("\n").length;
    at = end + 1;
  }
  return [...found.values()];
}

/** Where the line ends that begins at `from`, or the quoted value in it. */
function endOfEntry(source: string, from: number): number {
  const lineEnd = source.indexOf("\n", from);
  const short = lineEnd === -1 ? source.length : lineEnd;
  const [head] = ASSIGNMENT.exec(source.slice(from, short)) ?? [];
  const quote = head === undefined ? undefined : source[from + head.length];
  if (quote !== '"' && quote !== "'") return short;
  const closing = closingQuote(source, from + head!.length, quote);
  if (closing === -1 || closing < short) return short;
  const next = source.indexOf("\n", closing);
  return next === -1 ? source.length : next;
}

function closingQuote(source: string, open: number, quote: string): number {
  for (let at = open + 1; at < source.length; at += 1) {
    if (quote === '"' && source[at] === "\\") at += 1;
    else if (source[at] === quote) return at;
  }
  return -1;
}

function entryOf(text: string, line: number): DotenvEntry | undefined {
  if (/^\s*(#|$)/.test(text)) return undefined;
  const [head, name = ""] = ASSIGNMENT.exec(text) ?? [];
  if (head === undefined)
    return { name: text.trim().slice(0, 60), value: "", line, problem: "There is no = in this line." };
  const value = valueOf(text.slice(head.length));
  const problem = value === undefined ? "The quote is not closed." : (nameProblem(name) ?? valueProblem(value));
  return { name, value: value ?? "", line, ...(problem === undefined ? {} : { problem }) };
}

function valueOf(text: string): string | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(^|\s)#.*$/, "").trim();
  const closing = closingQuote(text, 0, quote);
  if (closing === -1) return undefined;
  const inner = text.slice(1, closing);
  return quote === "'" ? inner : inner.replace(/\\(.)/gs, (_, mark: string) => ESCAPES[mark] ?? mark);
}
