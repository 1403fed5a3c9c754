/** Something that may be typed next. */
export interface Suggestion {
  readonly label: string;
  /** Told beside it: a signature, a type or a value. */
  readonly detail: string;
  readonly info?: string;
  /** What is written for it. */
  readonly apply: string;
}

export interface Suggestions {
  /** How many characters before the cursor they stand in place of. */
  readonly replace: number;
  readonly options: readonly Suggestion[];
}

/** What code can refer to, as far as it is known. */
export interface CodeContext {
  /** `pd.steps` as the step will find it: the event, and what the steps above had when they were tested. */
  readonly steps: Readonly<Record<string, unknown>>;
  readonly variables: readonly string[];
  /** What is in `pd.inputs`, and what it is. */
  readonly inputs: Readonly<Record<string, string>>;
}

const MEMBERS: readonly (readonly [name: string, apply: string, detail: string, info: string])[] = [
  ["steps", "steps", "dict", "The trigger, and the steps above by their names."],
  ["export", "export(", "(name, value)", "Hands a JSON value to later steps."],
  ["respond", "respond(", "({status, headers, body})", "Answers the HTTP request."],
  ["inputs", "inputs", "dict", "Data stores and accounts of this step."],
  ["context", "context", "dict", "About the run and this execution."],
  ["files", "files", "file store", "The project's files."],
  ["flow.exit", "flow.exit(", '(reason="")', "Ends the run here, as succeeded."],
  ["flow.delay", "flow.delay(", "(ms)", "Pauses the run when the step has ended."],
  ["flow.suspend", "flow.suspend(", "(timeout_ms=86400000)", "Pauses until a link is opened."],
  ["flow.rerun", "flow.rerun(", "(delay_ms, context=None, max_retries=10)", "Runs this step again later."],
  ["flow.trigger", "flow.trigger(", "(workflow, event=None, wait=False)", "Starts another workflow."],
  ["send.http", "send.http(", "(method, url, …)", "Sends one request."],
  ["send.email", "send.email(", '(subject, text="", html="", to=None)', "Sends a mail."],
];

const MEMBER = /\bpd\.((?:flow\.|send\.)?\w*)$/;
const PATH = /\bpd\.steps((?:\[(?:"[^"\n]*"|'[^'\n]*'|\d+)\]|\.[A-Za-z_]\w*)*)(?:\[(["']?)([^"'\]\n]*)|\.(\w*))$/;
const PART = /\["([^"]*)"\]|\['([^']*)'\]|\[(\d+)\]|\.([A-Za-z_]\w*)/g;
const INPUT = /\bpd\.inputs\[(["']?)([^"'\]\n]*)$/;
const VARIABLE = /\bos\.(?:environ\[|environ\.get\(|getenv\()(["']?)([^"'\])\n]*)$/;

/** What may be typed at the end of a line's beginning; undefined where nothing is known. */
export function suggest(before: string, context: CodeContext): Suggestions | undefined {
  const path = PATH.exec(before);
  if (path !== null) return pathSuggestions(path, context.steps);
  const input = INPUT.exec(before);
  if (input !== null) return keys(input[1]!, input[2]!, Object.entries(context.inputs), "]");
  const variable = VARIABLE.exec(before);
  if (variable !== null) {
    const close = before.includes("environ[") ? "]" : ")";
    const names = context.variables.map((name) => [name, "environment variable"] as const);
    return keys(variable[1]!, variable[2]!, names, close);
  }
  const member = MEMBER.exec(before);
  if (member === null) return undefined;
  const typed = member[1]!;
  const options = MEMBERS.filter(([name]) => name.startsWith(typed)).map(([label, apply, detail, info]) => ({
    ...{ label, apply, detail, info },
  }));
  return { replace: typed.length, options };
}

function pathSuggestions(match: RegExpExecArray, steps: unknown): Suggestions | undefined {
  const [, chain = "", quote, key, attribute] = match;
  const value = valueAt(steps, chain);
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    if (attribute !== undefined || quote !== "") return undefined;
    const options = value.slice(0, 20).map((item, index) => option(String(index), preview(item), `${index}]`));
    return { replace: key!.length, options };
  }
  const entries = Object.entries(value).map(([name, item]) => [name, preview(item)] as const);
  if (attribute === undefined) return keys(quote!, key!, entries, "]");
  const options = entries
    .filter(([name]) => name.startsWith(attribute))
    .map(([name, detail]) => option(name, detail, name))
    .filter(({ apply }) => /^[A-Za-z_]\w*$/.test(apply));
  return { replace: attribute.length, options };
}

function keys(
  quote: string,
  typed: string,
  entries: readonly (readonly [string, string])[],
  close: string,
): Suggestions {
  const mark = quote === "" ? '"' : quote;
  const options = entries
    .filter(([name]) => name.toLowerCase().includes(typed.toLowerCase()))
    .map(([name, detail]) => option(name, detail, `${mark}${escaped(name, mark)}${mark}${close}`));
  return { replace: typed.length + quote.length, options };
}

function option(label: string, detail: string, apply: string): Suggestion {
  return { label, detail, apply };
}

function escaped(text: string, quote: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`).replaceAll("\n", "\\n");
}

/** What a chain such as `["trigger"].event["body"][0]` leads to. */
function valueAt(value: unknown, chain: string): unknown {
  let at = value;
  for (const [, double, single, index, attribute] of chain.matchAll(PART)) {
    if (typeof at !== "object" || at === null) return undefined;
    const key = double ?? single ?? index ?? attribute!;
    at = Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
  }
  return at;
}

const PREVIEW_CHARACTERS = 40;

/** A value in a few characters. */
export function preview(value: unknown): string {
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "dict";
  const text = JSON.stringify(value) ?? "";
  return text.length <= PREVIEW_CHARACTERS ? text : `${text.slice(0, PREVIEW_CHARACTERS - 1)}…`;
}
