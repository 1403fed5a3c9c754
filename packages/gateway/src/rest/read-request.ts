import { fromJson, toBinary, type DescField, type DescMessage, type FileRegistry } from "@bufbuild/protobuf";
import { PlatformError } from "@millrace/core";
import type { PathFields } from "./path-template.ts";

/** Parts of a request that become one message. */
export interface RequestParts {
  readonly message: DescMessage;
  readonly fields: PathFields;
  /** As sent, without the question mark. */
  readonly query: string;
  /** Field that the body is; `*` for the whole request, empty for no body. */
  readonly bodyField: string;
  readonly body: Uint8Array;
  /** Further fields by their names in the contract, such as an etag from a header. */
  readonly extra: ReadonlyMap<string, string>;
}

type JsonObject = Record<string, unknown>;

const PARAMETERS_MAX = 200;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The encoded message that a request means. Throws `INVALID_JSON`, `INVALID_PARAMETER` and `INVALID_MESSAGE`. */
export function readRequest(parts: RequestParts, registry: FileRegistry): Uint8Array {
  const { message, bodyField, fields, query, extra } = parts;
  const json = bodyJson(parts);
  for (const [name, value] of extra) put(json, message, name, () => value, "a header");
  for (const [name, value] of fields) put(json, message, name, () => value, "the path");
  readQuery(json, message, query, bodyField);
  try {
    return toBinary(message, fromJson(message, json as never, { registry }));
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "INVALID_MESSAGE", explain(cause), { cause });
  }
}

function bodyJson({ bodyField, body, message }: RequestParts): JsonObject {
  if (bodyField === "") {
    if (body.length === 0) return {};
    throw new PlatformError("InvalidArgument", "BODY_UNEXPECTED", "this method takes no body");
  }
  const value = body.length === 0 ? {} : parseObject(body);
  if (bodyField === "*") return value;
  const field = message.fields.find(({ name }) => name === bodyField);
  return { [field?.jsonName ?? bodyField]: value };
}

function parseObject(body: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "INVALID_JSON", "the body is not JSON in UTF-8", { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new PlatformError("InvalidArgument", "INVALID_JSON", "the body is not a JSON object");
}

function readQuery(json: JsonObject, message: DescMessage, query: string, bodyField: string): void {
  if (query === "") return;
  const parameters = [...new URLSearchParams(query)];
  if (parameters.length > PARAMETERS_MAX) throw invalidParameter(`a query has at most ${PARAMETERS_MAX} parameters`);
  if (bodyField === "*") throw invalidParameter("this method takes what it needs from its body, not from the query");
  for (const [name, text] of parameters) {
    put(json, message, name, (field) => scalarOf(field, name, text), "the query");
  }
}

/** Puts a value into the JSON of a message, by the path of its field; what was given before is not given again. */
function put(json: JsonObject, message: DescMessage, path: string, value: (field: DescField) => unknown, from: string) {
  const [name = "", ...rest] = path.split(".");
  const field = fieldOf(message, name, path);
  if (rest.length > 0) {
    if (field.fieldKind !== "message") throw unknownParameter(path);
    const inner = json[field.jsonName] ?? {};
    if (typeof inner !== "object" || Array.isArray(inner)) throw twice(path, from);
    json[field.jsonName] = inner;
    return put(inner as JsonObject, field.message, rest.join("."), value, from);
  }
  if (field.fieldKind === "list") {
    const list = json[field.jsonName] ?? [];
    if (!Array.isArray(list)) throw twice(path, from);
    json[field.jsonName] = [...list, value(field)];
    return;
  }
  const given = json[field.jsonName] ?? json[field.name];
  const wanted = value(field);
  // A body may repeat what the path says, as clients do that send a resource back as they got it.
  if (given !== undefined && given !== "" && given !== wanted) throw twice(path, from);
  delete json[field.name];
  json[field.jsonName] = wanted;
}

function fieldOf(message: DescMessage, name: string, path: string): DescField {
  const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  if (field === undefined) throw unknownParameter(path);
  return field;
}

/** A parameter as JSON: numbers, enums, times and durations are strings there, too. */
function scalarOf(field: DescField, name: string, text: string): unknown {
  if (field.fieldKind === "map" || (field.fieldKind === "message" && !isText(field.message.typeName))) {
    throw invalidParameter(`"${name}" cannot be given in the query`);
  }
  if (field.scalar !== BOOL) return field.enum === undefined || !/^\d+$/.test(text) ? text : Number(text);
  if (text === "true" || text === "false") return text === "true";
  throw invalidParameter(`"${name}" is true or false`);
}

/** `ScalarType.BOOL`. */
const BOOL = 8;

/** Messages that are a string in JSON. */
function isText(typeName: string): boolean {
  return /^google\.protobuf\.(Timestamp|Duration|FieldMask)$/.test(typeName);
}

/** What the library says names the field; its own type names mean nothing to callers. */
function explain(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const unknown = /key "(.*?)" is unknown$/s.exec(text)?.[1];
  if (unknown !== undefined) return `there is no field ${JSON.stringify(unknown.slice(0, 100))}`;
  return `the request does not fit the method: ${text.replace(/millrace\.api\.v1\./g, "").slice(0, 300)}`;
}

function unknownParameter(name: string): PlatformError {
  return invalidParameter(`there is no parameter ${JSON.stringify(name.slice(0, 100))}`);
}

function twice(name: string, from: string): PlatformError {
  return invalidParameter(`"${name.slice(0, 100)}" is given twice; ${from} says something else`);
}

function invalidParameter(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_PARAMETER", message);
}
