import { invariant } from "@millrace/core";

/** What a template's segment matches: a word itself, one segment (`*`), or all that is left (`**`). */
export interface TemplateSegment {
  readonly text: string;
  /** Field of the request that gets it; empty for none. */
  readonly field: string;
}

/** A path of `google.api.http`, such as `/api/v1/{name=workflows/*}:deploy`. */
export interface PathTemplate {
  readonly segments: readonly TemplateSegment[];
  /** What follows the colon; empty for none. */
  readonly action: string;
}

/** Fields of the request by their names, as the path gives them. */
export type PathFields = ReadonlyMap<string, string>;

const ACTION = /:([A-Za-z]+)$/;
const VARIABLE = /\{([a-z0-9_.]+)(?:=([^}]+))?\}/g;

/** Takes a template apart. */
export function parsePathTemplate(template: string): PathTemplate {
  const action = ACTION.exec(template)?.[1] ?? "";
  const path = action === "" ? template : template.slice(0, -action.length - 1);
  // Within a variable, segments are marked with its field before the path is split at its slashes.
  const marked = path.replace(VARIABLE, (_, field: string, pattern = "*") =>
    (pattern as string)
      .split("/")
      .map((segment) => `${segment}\0${field}`)
      .join("/"),
  );
  const segments = marked
    .split("/")
    .slice(1)
    .map((segment) => {
      const [text = "", field = ""] = segment.split("\0");
      return { text, field };
    });
  const rest = segments.findIndex(({ text }) => text === "**");
  invariant(rest < 0 || rest === segments.length - 1, `${template} has a ** that is not its last segment`);
  return { segments, action };
}

/** A request's path, taken apart before anything in it is decoded: an encoded slash or colon is part of a name. */
export interface RequestPath {
  readonly segments: readonly string[];
  readonly action: string;
}

/** Takes a request's path apart. A colon in the last segment begins an action. */
export function splitPath(path: string): RequestPath {
  const segments = path.split("/").slice(1);
  const last = segments.at(-1) ?? "";
  const colon = last.lastIndexOf(":");
  if (colon < 0) return { segments, action: "" };
  return { segments: [...segments.slice(0, -1), last.slice(0, colon)], action: last.slice(colon + 1) };
}

/** The fields that a path gives under a template; undefined when it is not one of that template. */
export function matchPath(template: PathTemplate, path: RequestPath): PathFields | undefined {
  const { segments, action } = template;
  if (action !== path.action) return undefined;
  const takesRest = segments.at(-1)?.text === "**";
  if (takesRest ? path.segments.length < segments.length : path.segments.length !== segments.length) return undefined;
  const fields = new Map<string, string>();
  for (const [index, { text, field }] of segments.entries()) {
    const given = text === "**" ? path.segments.slice(index) : [path.segments[index]!];
    if (text !== "*" && text !== "**" && text !== given[0]) return undefined;
    if (text === "*" && given[0] === "") return undefined;
    if (field === "") continue;
    const before = fields.get(field);
    const value = given.map(decodeSegment).join("/");
    fields.set(field, before === undefined ? value : `${before}/${value}`);
  }
  return fields;
}

/** Throws URIError for what is no percent-encoding of UTF-8. */
function decodeSegment(segment: string): string {
  return decodeURIComponent(segment);
}
