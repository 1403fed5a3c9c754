import { ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";
import type { ContractComments } from "./contract-comments.ts";

/** A JSON Schema, as OpenAPI 3.1 has them. */
export type JsonSchema = Record<string, unknown>;

const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/** Messages that JSON writes as a string or as an empty object. */
const KNOWN: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$", examples: ["1.5s"] },
  "google.protobuf.FieldMask": { type: "string", description: "Names of fields, separated by commas." },
  "google.protobuf.Empty": { type: "object", additionalProperties: false },
};

/** Makes the schemas of messages, each once, under its name. */
export class JsonSchemas {
  readonly #comments: ContractComments;
  readonly #made: Record<string, JsonSchema> = {};

  constructor(comments: ContractComments) {
    this.#comments = comments;
  }

  /** All schemas so far, by name. */
  get all(): Readonly<Record<string, JsonSchema>> {
    return this.#made;
  }

  /** The schema of a message, or where it stands. */
  ofMessage(message: DescMessage): JsonSchema {
    const known = KNOWN[message.typeName];
    if (known !== undefined) return known;
    if (this.#made[message.name] === undefined) {
      const schema: JsonSchema = { type: "object", description: this.#comments.of(message) };
      this.#made[message.name] = schema;
      const fields = message.fields.map((field) => [field.jsonName, this.ofField(field)]);
      Object.assign(schema, { properties: Object.fromEntries(fields) as JsonSchema, additionalProperties: false });
    }
    return { $ref: `#/components/schemas/${message.name}` };
  }

  /** The schema of a message without the fields that stand elsewhere in a request. */
  withoutFields(message: DescMessage, names: ReadonlySet<string>): JsonSchema {
    if (names.size === 0) return this.ofMessage(message);
    const fields = message.fields.filter(({ name }) => !names.has(name));
    const properties = Object.fromEntries(fields.map((field) => [field.jsonName, this.ofField(field)]));
    return { type: "object", properties, additionalProperties: false };
  }

  /** The schema of a field, with its comment. */
  ofField(field: DescField): JsonSchema {
    const description = this.#comments.of(field);
    return { ...this.#plain(field), ...(description !== "" && { description }) };
  }

  #plain(field: DescField): JsonSchema {
    switch (field.fieldKind) {
      case "scalar":
        return ofScalar(field.scalar);
      case "enum":
        return this.#ofEnum(field.enum);
      case "message":
        return this.ofMessage(field.message);
      case "list":
        return { type: "array", items: this.#inside(field) };
      case "map":
        return { type: "object", additionalProperties: this.#inside(field) };
    }
  }

  /** What a list or a map consists of. */
  #inside(field: DescField & { fieldKind: "list" | "map" }): JsonSchema {
    const kind = field.fieldKind === "list" ? field.listKind : field.mapKind;
    if (kind === "message") return this.ofMessage(field.message!);
    return kind === "enum" ? this.#ofEnum(field.enum!) : ofScalar(field.scalar!);
  }

  #ofEnum(descriptor: DescEnum): JsonSchema {
    this.#made[descriptor.name] ??= {
      type: "string",
      enum: descriptor.values.map(({ name }) => name),
      description: [
        this.#comments.of(descriptor),
        ...descriptor.values.map((value) => `- \`${value.name}\`: ${this.#comments.of(value)}`),
      ].join("\n"),
    };
    return { $ref: `#/components/schemas/${descriptor.name}` };
  }
}

function ofScalar(scalar: ScalarType): JsonSchema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32", minimum: -INT32_MAX - 1, maximum: INT32_MAX };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", format: "int64", minimum: 0, maximum: UINT32_MAX };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: "string", format: "int64", pattern: "^-?[0-9]{1,15}$" };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: "string", format: "uint64", pattern: "^[0-9]{1,15}$" };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return { type: "number" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.STRING:
      return { type: "string" };
  }
}
