import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@millrace/core";
import type { HouseAddress } from "./api-client.ts";
// Not by way of dev/index.ts, which brings the database along: most commands want to start fast.
import { dataFolderInUse } from "./dev/house-folder.ts";
import { readStatus } from "./dev/status-socket.ts";

/** What the command line and the environment say about the house that is meant. */
export interface HouseOptions {
  readonly url: string | undefined;
  readonly key: string | undefined;
  /** Data folder of a house on this machine; undefined for the default one. */
  readonly data: string | undefined;
}

/** Finds the house: by `--url` and `--key` or their variables, and what they leave open by the data folder in use. */
export async function locateHouse(options: HouseOptions): Promise<HouseAddress> {
  const { url, key } = options;
  const folder = options.data ?? dataFolderInUse();
  if (url !== undefined) return { url: checkUrl(url), apiKey: key ?? (await readKey(folder)) };
  const status = await readStatus(folder).catch((cause: unknown) => {
    const message =
      `No house is running in ${folder}. Start one with "npx millrace dev", ` +
      "or name one with --url and --key (MILLRACE_URL, MILLRACE_API_KEY).";
    throw new PlatformError("Unavailable", "HOUSE_NOT_RUNNING", message, { metadata: { data: folder }, cause });
  });
  return { url: status.url, grpc: status.grpc, apiKey: key ?? (await readKey(folder)) };
}

async function readKey(folder: string): Promise<string> {
  try {
    return (await readFile(join(folder, "api-key"), "utf8")).trim();
  } catch (cause) {
    const message = `There is no API key in ${folder}. Give one with --key or MILLRACE_API_KEY.`;
    throw new PlatformError("Unauthenticated", "API_KEY_MISSING", message, { metadata: { data: folder }, cause });
  }
}

function checkUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  const message = `${JSON.stringify(url)} is not an http or https address.`;
  throw new PlatformError("InvalidArgument", "INVALID_URL", message);
}
