import { PlatformError } from "@millrace/core";
import type { accountApi } from "@millrace/protocol";
import { readStdin } from "../read-stdin.ts";

const STDIN_BYTES_MAX = 2 * 1024 * 1024;

/** How fields are named on the command line. Values of secret ones come from stdin: others could read an argument. */
export interface FieldOptions {
  /** The field whose value is piped in; without it a JSON object of fields may be. */
  readonly field?: string;
  /** `name=value` of fields that are no secrets. */
  readonly plain: readonly string[];
}

/** True when the command line says that an account is to be connected with fields. */
export function namesFields({ field, plain }: FieldOptions): boolean {
  return field !== undefined || plain.length > 0;
}

/** Reads the fields of an account. */
export async function readFields(app: accountApi.App, options: FieldOptions): Promise<accountApi.AccountField[]> {
  const plain = options.plain.map(parsePlain);
  const names = new Set(plain.map(({ name }) => name));
  const wanted = app.fields.filter(({ name, optional }) => !optional && !names.has(name)).map(({ name }) => name);
  if (options.field === undefined && plain.length > 0 && wanted.length === 0) return plain;
  if (process.stdin.isTTY) {
    const what = options.field ?? wanted.join(", ");
    const message = `Pipe the value of ${what || "the field"} in, for example "millrace account add ${lastPart(app.name)} NAME < file"; several fields as a JSON object.`;
    throw new PlatformError("InvalidArgument", "VALUE_MISSING", message);
  }
  const text = await readStdin(STDIN_BYTES_MAX);
  const object = options.field === undefined ? parseObject(text) : undefined;
  if (object !== undefined) return [...plain, ...Object.entries(object).map(([name, value]) => secret(name, value))];
  const name = options.field ?? (wanted.length === 1 ? wanted[0] : undefined);
  if (name === undefined) {
    const message = `Name the field with --field, or pipe a JSON object in, such as {${wanted.map((one) => `"${one}": "…"`).join(", ")}}.`;
    throw new PlatformError("InvalidArgument", "FIELD_MISSING", message);
  }
  return [...plain, secret(name, text.replace(/\r?\n$/, ""))];
}

function parsePlain(text: string): accountApi.AccountField {
  const at = text.indexOf("=");
  if (at > 0) return { name: text.slice(0, at), value: text.slice(at + 1), plain: true };
  throw new PlatformError("InvalidArgument", "INVALID_FIELD", `--plain takes name=value, not ${JSON.stringify(text)}.`);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function secret(name: string, value: unknown): accountApi.AccountField {
  return { name, value: typeof value === "string" ? value : JSON.stringify(value), plain: false };
}

function lastPart(name: string): string {
  return name.slice(name.indexOf("/") + 1);
}
