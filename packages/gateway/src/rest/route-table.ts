import { PlatformError } from "@millrace/core";
import type { HttpRule, RestContract, RestMethod } from "./contract.ts";
import { matchPath, splitPath, type PathFields, type RequestPath } from "./path-template.ts";

/** What a request asks for. */
export interface Route {
  readonly method: RestMethod;
  readonly rule: HttpRule;
  readonly fields: PathFields;
}

interface Entry {
  readonly method: RestMethod;
  readonly rule: HttpRule;
}

/** Finds the method that a request means. */
export class RouteTable {
  /** By the first segment below `/api/v1/`, so that few templates are tried. */
  readonly #entries = new Map<string, Entry[]>();

  constructor({ methods }: RestContract) {
    for (const method of methods) {
      for (const rule of method.rules) {
        const key = rule.template.segments[2]?.text ?? "";
        const entries = this.#entries.get(key) ?? [];
        this.#entries.set(key, [...entries, { method, rule }]);
      }
    }
  }

  /** The route of a request. Throws `PATH_NOT_FOUND`, `METHOD_NOT_ALLOWED` and `INVALID_PATH`. */
  find(verb: string, path: string): Route {
    const matches = this.#matches(path);
    const match = matches.find(({ rule }) => rule.verb === verb);
    if (match !== undefined) return match;
    const allowed = allowedVerbs(matches);
    const message = `${verb.slice(0, 20)} is not one of ${allowed.join(", ")}, the methods of this path`;
    throw new PlatformError("InvalidArgument", "METHOD_NOT_ALLOWED", message, {
      metadata: { allow: allowed.join(", ") },
    });
  }

  /** The methods that a path has. Throws `PATH_NOT_FOUND` and `INVALID_PATH`. */
  allowed(path: string): string[] {
    return allowedVerbs(this.#matches(path));
  }

  #matches(path: string): Route[] {
    const split = splitPath(path);
    const entries = this.#entries.get(split.segments[2] ?? "") ?? [];
    const matches = entries.flatMap((entry) => {
      const fields = fieldsOf(entry, split);
      return fields === undefined ? [] : [{ ...entry, fields }];
    });
    if (matches.length > 0) return matches;
    const message = "the API has no such path; /api/v1/openapi.json names all of them (a colon in a name is %3A)";
    throw new PlatformError("NotFound", "PATH_NOT_FOUND", message);
  }
}

function fieldsOf({ rule }: Entry, path: RequestPath): PathFields | undefined {
  try {
    return matchPath(rule.template, path);
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "INVALID_PATH", "the path is not percent-encoded UTF-8", { cause });
  }
}

/** Streams of events and other answers without a known end have no HEAD. */
function allowedVerbs(matches: readonly Route[]): string[] {
  const verbs = new Set(matches.map(({ rule }) => rule.verb));
  if (matches.some(({ rule, method }) => rule.verb === "GET" && !isEventStream(method, rule))) verbs.add("HEAD");
  return [...verbs, "OPTIONS"];
}

/** Whether a method answers with server-sent events. */
export function isEventStream({ definition }: RestMethod, rule: HttpRule): boolean {
  return definition.responseStream && rule.responseBody === "";
}
