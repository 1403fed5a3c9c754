import { readFile, stat } from "node:fs/promises";
import { PlatformError } from "@millrace/core";
import { readStdin } from "./read-stdin.ts";

const BYTES_MAX = 32 * 1024 * 1024;

/** What a JSON argument is called in errors. */
export interface JsonArgument {
  /** Stable reason when it is not JSON. */
  readonly reason: string;
  /** As a sentence begins: `The event`. */
  readonly name: string;
  /** How it is quoted for the shell. */
  readonly example: string;
}

/** JSON as it was given (itself, `@file`, or `-` for stdin), checked so that a slip of the shell is named here. */
export async function readJson(given: string, { reason, name, example }: JsonArgument): Promise<string> {
  const text = await readText(given);
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${name} is not JSON: ${why}. Quote it for the shell: ${example}`;
    throw new PlatformError("InvalidArgument", reason, message, { cause });
  }
}

async function readText(given: string): Promise<string> {
  if (given === "-") return readStdin(BYTES_MAX);
  if (!given.startsWith("@")) return given;
  const file = given.slice(1);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !found.isFile()) {
    throw new PlatformError("InvalidArgument", "FILE_NOT_FOUND", `There is no file ${file}.`, { metadata: { file } });
  }
  if (found.size > BYTES_MAX) {
    const message = `${file} is larger than ${BYTES_MAX} bytes.`;
    throw new PlatformError("InvalidArgument", "INPUT_TOO_LARGE", message, { metadata: { file } });
  }
  return readFile(file, "utf8");
}
