import type { DescField } from "@bufbuild/protobuf";
import type { HttpRule, RestContract, RestMethod } from "./contract.ts";
import { ContractComments } from "./contract-comments.ts";
import { JsonSchemas, type JsonSchema } from "./json-schemas.ts";
import type { PathTemplate } from "./path-template.ts";
import { isEventStream } from "./route-table.ts";
import { CSRF_HEADER } from "./session-cookies.ts";

type JsonObject = Record<string, unknown>;

/** What an error may come with; the reason in its details says more. */
const FAILURES: Readonly<Record<string, string>> = {
  400: "The request is wrong, or what it is about is in the wrong state.",
  401: "Nobody is signed in, or the key is not known.",
  403: "The caller may not do that.",
  404: "There is no such thing, or no such path.",
  405: "The path has other methods; `allow` names them.",
  408: "The request took too long to arrive.",
  409: "It exists already, or something else came first.",
  412: "The etag is not that of the resource as it is now.",
  413: "The body is too large.",
  415: "The body is not of the type that is wanted.",
  429: "A bound is reached; `retry-after` says when to try again.",
  431: "The headers are too large.",
  500: "The house failed; report the request id.",
  503: "The house cannot answer at the moment; `retry-after` says when to try again.",
  504: "It took too long.",
};

const ABOUT = `The API of Millrace over HTTP: the same methods, by the same handlers, as over gRPC.

Errors have the shape of AIP-193: \`error.code\`, \`error.status\`, \`error.message\`, and in \`error.details\` a stable
\`reason\`. 64-bit numbers are strings. Streams are server-sent events: each has one message as JSON; the event \`end\` is the
last one, \`error\` says why it is the last one.`;

/** The OpenAPI document of the API, made of the contracts. */
export function openApiDocument(contract: RestContract, version: string): JsonObject {
  const comments = new ContractComments();
  const schemas = new JsonSchemas(comments);
  const paths: Record<string, JsonObject> = {};
  const tags = new Map<string, string>();
  for (const method of contract.methods) {
    const { parent } = method.descriptor;
    tags.set(parent.name, comments.of(parent));
    for (const [index, rule] of method.rules.entries()) {
      const [path, parameters] = pathOf(rule.template);
      const operation = operationOf(method, rule, parameters, { schemas, comments });
      const operationId = `${method.descriptor.name}${index === 0 ? "" : String(index + 1)}`;
      paths[path] = { ...paths[path], [rule.verb.toLowerCase()]: { operationId, ...operation } };
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "Millrace", version, description: ABOUT, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    security: [{ apiKey: [] }, { session: [] }],
    tags: [...tags].map(([name, description]) => ({ name, description })),
    paths,
    components: { securitySchemes: SECURITY, schemas: { ...schemas.all, Error: ERROR }, responses: failures() },
  };
}

interface Makers {
  readonly schemas: JsonSchemas;
  readonly comments: ContractComments;
}

function operationOf(
  method: RestMethod,
  rule: HttpRule,
  parameters: JsonObject[],
  { schemas, comments }: Makers,
): JsonObject {
  const { descriptor } = method;
  const bound = new Set(rule.template.segments.map(({ field }) => field).filter((field) => field !== ""));
  const description = comments.of(descriptor);
  const isOpen = descriptor.name === "SignIn";
  return {
    tags: [descriptor.parent.name],
    summary: `${description.split(/[.:;] /)[0]?.replace(/\.$/, "") ?? ""}.`,
    description,
    ...(isOpen && { security: [] }),
    parameters: [
      ...parameters,
      ...queryParameters(method, rule, bound, schemas),
      ...headerParameters(method, rule, isOpen),
    ],
    ...bodyOf(method, rule, bound, schemas),
    responses: { ...answerOf(method, rule, schemas), ...references() },
  };
}

/** `/api/v1/{name=workflows/*}` as OpenAPI writes it, `/api/v1/workflows/{workflow}`, with its parameters. */
function pathOf({ segments, action }: PathTemplate): [string, JsonObject[]] {
  const parameters: JsonObject[] = [];
  const parts = segments.map(({ text }, index) => {
    if (text !== "*" && text !== "**") return text;
    const before = segments[index - 1]?.text ?? "";
    const name = text === "**" ? "path" : before.replace(/s$/, "");
    const note = text === "**" ? "Its slashes may be written as they are. " : "";
    const description = `${note}A colon is written as %3A.`;
    parameters.push({ name, in: "path", required: true, description, schema: { type: "string", minLength: 1 } });
    return `{${name}}`;
  });
  return [`/${parts.join("/")}${action === "" ? "" : `:${action}`}`, parameters];
}

function queryParameters(
  { descriptor }: RestMethod,
  rule: HttpRule,
  bound: ReadonlySet<string>,
  schemas: JsonSchemas,
): JsonObject[] {
  if (rule.body !== "") return [];
  const free = descriptor.input.fields.filter((field) => !bound.has(field.name) && isParameter(field));
  return free.map((field) => {
    const { description, ...schema } = schemas.ofField(field);
    return { name: field.jsonName, in: "query", description, schema };
  });
}

function isParameter(field: DescField): boolean {
  if (field.fieldKind === "message") return /^google\.protobuf\.(Timestamp|Duration)$/.test(field.message.typeName);
  return field.fieldKind !== "map";
}

function headerParameters({ descriptor, definition }: RestMethod, rule: HttpRule, isOpen: boolean): JsonObject[] {
  const has = (name: string): boolean => descriptor.input.fields.some((field) => field.name === name);
  const parameters: JsonObject[] = [];
  const add = (name: string, description: string, schema: JsonSchema): void => {
    parameters.push({ name, in: "header", description, schema });
  };
  if (rule.verb !== "GET") {
    const when = isOpen ? "Wanted, whatever its value" : "Wanted with a session's cookie, whatever its value";
    add(CSRF_HEADER, `${when}: no page of another site can send it.`, { type: "string" });
  }
  if (has("etag") && rule.verb !== "GET") add("if-match", "The etag, in place of the field.", { type: "string" });
  if (has("cursor") && definition.responseStream) {
    add("last-event-id", "Go on behind that event, in place of the field `cursor`.", { type: "string" });
  }
  return parameters;
}

function bodyOf(method: RestMethod, rule: HttpRule, bound: ReadonlySet<string>, schemas: JsonSchemas): JsonObject {
  if (rule.body === "") return {};
  const { input } = method.descriptor;
  if (method.definition.requestStream) {
    return { requestBody: { description: "The content itself.", required: true, content: { "*/*": { schema: {} } } } };
  }
  const field = input.fields.find(({ name }) => name === rule.body);
  const inner = new Set([...bound].map((name) => name.slice(rule.body.length + 1)));
  const schema =
    field?.fieldKind === "message" ? schemas.withoutFields(field.message, inner) : schemas.withoutFields(input, bound);
  return { requestBody: { required: false, content: { "application/json": { schema } } } };
}

function answerOf(method: RestMethod, rule: HttpRule, schemas: JsonSchemas): JsonObject {
  const { output } = method.descriptor;
  const message = schemas.ofMessage(output);
  if (isEventStream(method, rule)) {
    const description = `Server-sent events; the data of each is JSON of the schema ${output.name}.`;
    return { 200: { description, content: { "text/event-stream": { schema: {} } } } };
  }
  if (rule.responseBody !== "") return { 200: { description: "The content.", content: { "*/*": { schema: {} } } } };
  const hasEtag = output.fields.some(({ name }) => name === "etag");
  const etag = { etag: { description: "Changes with the resource.", schema: { type: "string" } } };
  return {
    200: {
      description: "Done.",
      ...(hasEtag && { headers: etag }),
      content: { "application/json": { schema: message } },
    },
    ...(hasEtag && rule.verb === "GET" && { 304: { description: "It is as `if-none-match` says." } }),
  };
}

function references(): JsonObject {
  return Object.fromEntries(Object.keys(FAILURES).map((code) => [code, { $ref: `#/components/responses/${code}` }]));
}

function failures(): JsonObject {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  return Object.fromEntries(Object.entries(FAILURES).map(([code, description]) => [code, { description, content }]));
}

const SECURITY = {
  apiKey: { type: "http", scheme: "bearer", description: "An API key, or the token of a session." },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "millrace_session",
    description: `Set by signing in; called __Host-millrace_session over TLS. Changes also want the header ${CSRF_HEADER}.`,
  },
};

const ERROR: JsonSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message"],
      properties: {
        code: { type: "integer", description: "The HTTP status." },
        status: { type: "string", description: "The gRPC status." },
        reason: { type: "string", description: "For requests that could not be read at all." },
        message: { type: "string", description: "For people." },
        details: {
          type: "array",
          description: "`google.rpc.ErrorInfo` with the stable reason, and perhaps `google.rpc.RetryInfo`.",
          items: {
            type: "object",
            properties: {
              "@type": { type: "string" },
              reason: { type: "string" },
              domain: { type: "string" },
              metadata: { type: "object", additionalProperties: { type: "string" } },
              retryDelay: { type: "string" },
            },
          },
        },
      },
    },
  },
};
