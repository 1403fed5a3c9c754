import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** As much of JSON Schema as the API's document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
}

const target = fileURLToPath(new URL("../src/api/generated/types.ts", import.meta.url));

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1)!;
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (schema.type) {
    case "array":
      return `readonly ${typeOf(schema.items ?? {})}[]`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
      return schema.type;
    case "object":
      return typeof schema.additionalProperties === "object"
        ? `Readonly<Record<string, ${typeOf(schema.additionalProperties)}>>`
        : "Readonly<Record<string, unknown>>";
    default:
      return "unknown";
  }
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? "" : `${indent}/** ${text.replaceAll(/\s+/g, " ").replaceAll("*/", "* /")} */\n`;
}

function declare(name: string, schema: Schema): string {
  const about = comment(schema.description, "");
  if (schema.properties === undefined) return `${about}export type ${name} = ${typeOf(schema)};\n`;
  const fields = Object.entries(schema.properties).map(
    ([field, type]) => `${comment(type.description, "  ")}  readonly ${field}?: ${typeOf(type)};\n`,
  );
  return `${about}export interface ${name} {\n${fields.join("")}}\n`;
}

/** Writes the types of the API's messages as JSON has them, from the API's own document. */
const { components } = JSON.parse(readFileSync(0, "utf8")) as {
  components: { schemas: Record<string, Schema> };
};
const types = Object.entries(components.schemas).map(([name, schema]) => declare(name, schema));
writeFileSync(target, `// Made by "npm run generate" from the API's OpenAPI document.\n\n${types.join("\n")}`);
