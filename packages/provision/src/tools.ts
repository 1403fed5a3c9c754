import { accessSync, constants, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PlatformError } from "@millrace/core";

/** The folder of the checkout that this code runs from. */
export const checkoutFolder = resolve(import.meta.dirname, "../../..");

/** Where set-up keeps what it brought: a Node, the worker's Python environment, nats-server, bubblewrap. */
export const toolsFolder = process.env["MILLRACE_TOOLS"] ?? join(checkoutFolder, ".millrace-tools");

/** The programs that a house on one machine runs on, as set-up found or brought them. */
export interface Tools {
  /** A Node that runs TypeScript as it is. */
  readonly node: string;
  /** The Python of the worker's own environment. */
  readonly python: string;
  /** The `nats-server` binary, 2.11 or later. */
  readonly natsServer: string;
  /** The folder above Postgres' `bin`, `lib` and `share`. */
  readonly postgres: string;
  /** The bubblewrap binary. */
  readonly bwrap: string;
  /** The slirp4netns and nft binaries, which only the network mode `internet` needs; undefined when there are none. */
  readonly slirp4netns?: string | undefined;
  readonly nft?: string | undefined;
}

const names: readonly (keyof Tools)[] = ["node", "python", "natsServer", "postgres", "bwrap"];

/** Reads what set-up wrote down. Throws TOOLS_MISSING, with the remedy, when set-up has not run or something is gone. */
export function loadTools(): Tools {
  const file = join(toolsFolder, "tools.json");
  let tools: Partial<Tools>;
  try {
    tools = JSON.parse(readFileSync(file, "utf8")) as Partial<Tools>;
  } catch (error) {
    throw toolsMissing(`${file} cannot be read`, error);
  }
  for (const name of names) {
    const path = tools[name];
    if (path === undefined || !isThere(path)) {
      throw toolsMissing(`${name} is not at ${path ?? "any known place"}`);
    }
  }
  return Object.freeze(tools as Tools);
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function toolsMissing(what: string, cause?: unknown): PlatformError {
  const message = `${what}: run "npm run setup" in ${checkoutFolder} first`;
  return new PlatformError("FailedPrecondition", "TOOLS_MISSING", message, { cause });
}
