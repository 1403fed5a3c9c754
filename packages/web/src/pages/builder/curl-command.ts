/** A request as somebody would make it with curl. */
export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
}

/** What a text that is no curl command lacks. */
export class CurlProblem extends Error {}

const FLAGS_WITH_VALUE = new Set(
  (
    "-o --output -A --user-agent -e --referer -b --cookie -c --cookie-jar -u --user -m --max-time --connect-timeout -x --proxy " +
    "--retry --cacert --cert --key -w --write-out -T --upload-file --resolve --limit-rate -C --range -r -K --config"
  ).split(" "),
);

/** Splits a command as a shell does; `$'…'` and line ends behind a backslash too, since browsers copy commands that way. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === "$" && text[at + 1] === "'") {
      const [value, end] = readAnsi(text, at + 2);
      [word, at] = [(word ?? "") + value, end];
    } else if (char === "'") {
      const end = closing(text, "'", at + 1);
      [word, at] = [(word ?? "") + text.slice(at + 1, end), end];
    } else if (char === '"') {
      const [value, end] = readDouble(text, at + 1);
      [word, at] = [(word ?? "") + value, end];
    } else if (char === "\\") {
      const next = text[at + 1] === "\r" && text[at + 2] === "\n" ? "\r\n" : (text[at + 1] ?? "");
      if (!next.endsWith("\n")) word = (word ?? "") + next;
      at += next.length;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function closing(text: string, quote: string, from: number): number {
  const end = text.indexOf(quote, from);
  if (end < 0) throw new CurlProblem(`A ${quote} is not closed.`);
  return end;
}

function readDouble(text: string, from: number): [string, number] {
  let value = "";
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return [value, at];
    if (text[at] === "\\" && /["\\$`\n]/.test(text[at + 1] ?? "")) {
      at += 1;
      if (text[at] !== "\n") value += text[at];
    } else value += text[at];
  }
  throw new CurlProblem('A " is not closed.');
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "'": "'", '"': '"', "\\": "\\" };

function readAnsi(text: string, from: number): [string, number] {
  let value = "";
  for (let at = from; at < text.length; at++) {
    if (text[at] === "'") return [value, at];
    if (text[at] !== "\\") {
      value += text[at];
      continue;
    }
    const code = /^\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(text.slice(at, at + 6));
    if (code === null) {
      value += ESCAPES[text[at + 1] ?? ""] ?? `\\${text[at + 1] ?? ""}`;
      at += 1;
    } else {
      value += String.fromCharCode(Number.parseInt(code[1] ?? code[2]!, 16));
      at += code[0].length - 1;
    }
  }
  throw new CurlProblem("A ' is not closed.");
}

/** Reads a curl command. Throws `CurlProblem`, which says what is wrong with it. */
export function parseCurl(text: string): CurlRequest {
  const [program, ...words] = splitWords(text.trim().replace(/^\$\s+/, ""));
  if (program !== "curl" && program?.endsWith("/curl") !== true) {
    throw new CurlProblem("A command that begins with curl is expected here.");
  }
  const found: Found = { method: undefined, url: undefined, headers: [], data: [], query: false };
  for (let at = 0; at < words.length; at++) at += readWord(words[at]!, words[at + 1], found);
  if (found.url === undefined) throw new CurlProblem("The command has no address.");
  return toRequest(found);
}

interface Found {
  method: string | undefined;
  url: string | undefined;
  readonly headers: [string, string][];
  readonly data: string[];
  /** `-G`: what is sent goes into the address. */
  query: boolean;
}

/** Takes one word; returns how many of the following it has taken with it. */
function readWord(word: string, next: string | undefined, found: Found): number {
  if (!word.startsWith("-") || word === "-") {
    found.url ??= word;
    return 0;
  }
  const long = /^(--[a-z-]+)=(.*)$/s.exec(word);
  const short = /^(-[XHdFuAeb])(.+)$/s.exec(word);
  const [, flag = word, given] = long ?? short ?? [];
  const value = given ?? next ?? "";
  const taken = given === undefined ? 1 : 0;
  switch (flag) {
    case "-X":
    case "--request":
      found.method = value.toUpperCase();
      return taken;
    case "--url":
      found.url = value;
      return taken;
    case "-H":
    case "--header":
      addHeader(found, value);
      return taken;
    case "--json":
      found.data.push(literal(value));
      found.headers.push(["content-type", "application/json"]);
      return taken;
    case "-d":
    case "--data":
    case "--data-raw":
    case "--data-ascii":
    case "--data-binary":
      found.data.push(flag === "--data-raw" ? value : literal(value));
      return taken;
    case "--data-urlencode":
      found.data.push(urlEncoded(value));
      return taken;
    case "-F":
    case "--form":
      throw new CurlProblem("Forms with files cannot be read from a command: send them to the test address.");
    case "-G":
    case "--get":
      found.query = true;
      return 0;
    case "-I":
    case "--head":
      found.method ??= "HEAD";
      return 0;
    default:
      return otherFlag(flag, value, found) ? taken : 0;
  }
}

/** True when the flag has taken its value. */
function otherFlag(flag: string, value: string, found: Found): boolean {
  if (flag === "-u" || flag === "--user") found.headers.push(["authorization", `Basic ${base64(value)}`]);
  if (flag === "-A" || flag === "--user-agent") found.headers.push(["user-agent", value]);
  if (flag === "-e" || flag === "--referer") found.headers.push(["referer", value]);
  if (flag === "-b" || flag === "--cookie") found.headers.push(["cookie", value]);
  return FLAGS_WITH_VALUE.has(flag);
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function addHeader({ headers }: Found, line: string): void {
  const colon = line.indexOf(":");
  if (colon > 0) headers.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]);
}

function literal(value: string): string {
  if (!value.startsWith("@")) return value;
  throw new CurlProblem(
    `The command reads the file ${value.slice(1)}, which this page cannot do: paste its text instead.`,
  );
}

function urlEncoded(value: string): string {
  const equals = value.indexOf("=");
  const [name, rest] = equals < 0 ? ["", value] : [value.slice(0, equals + 1), value.slice(equals + 1)];
  return (name === "=" ? "" : name) + encodeURIComponent(rest);
}

function toRequest({ method, url = "", headers, data, query }: Found): CurlRequest {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
  const sent = data.length === 0 ? undefined : data.join("&");
  if (query && sent !== undefined) {
    const joined = `${whole}${whole.includes("?") ? "&" : "?"}${sent}`;
    return { method: method ?? "GET", url: joined, headers, body: undefined };
  }
  const typed = headers.some(([name]) => name === "content-type");
  const type: [string, string][] =
    sent !== undefined && !typed ? [["content-type", "application/x-www-form-urlencoded"]] : [];
  return {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    url: whole,
    headers: [...headers, ...type],
    body: sent,
  };
}

/** The event that a request would be for a workflow, as its trigger makes it. Throws `CurlProblem`. */
export function eventOfCurl(text: string, kind: "request" | "body"): unknown {
  const { method, url, headers, body } = parseCurl(text);
  if (!URL.canParse(url)) throw new CurlProblem(`${url} is no address.`);
  const { pathname, searchParams, host } = new URL(url);
  const all = joined([["host", host], ...headers]);
  const sent = body === undefined ? null : bodyOf(body, all["content-type"] ?? "");
  if (kind === "body") return sent;
  return {
    method,
    path: pathname.replace(/^\/t\/[^/]+/, "") || "/",
    query: listed(searchParams),
    headers: all,
    body: sent,
    client_ip: "127.0.0.1",
    url,
  };
}

function bodyOf(body: string, type: string): unknown {
  if (/^(application|text)\/([\w.-]+\+)?json\b/i.test(type)) {
    try {
      return JSON.parse(body) as unknown;
    } catch {
      return body;
    }
  }
  return /^application\/x-www-form-urlencoded\b/i.test(type) ? listed(new URLSearchParams(body)) : body;
}

function joined(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of headers) {
    all[name] = all[name] === undefined ? value : `${all[name]}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return all;
}

function listed(parameters: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(parameters.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = parameters.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}
