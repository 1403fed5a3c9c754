import type { Style } from "./output/style.ts";
import { openApiClient, type ApiClient } from "./api-client.ts";
import { locateHouse, type HouseOptions } from "./house-location.ts";

/** What every command gets: where to print, how, and the house that is meant. */
export interface CommandContext extends HouseOptions {
  /** True when the result is one JSON document on stdout. */
  readonly json: boolean;
  readonly style: Style;
  /** Prints a line for people while the command is at work; silent with `--json`. */
  readonly say: (line: string) => void;
}

/** What a command came to. */
export interface CommandResult {
  /** What `--json` prints; absent when it was printed on the way. */
  readonly json?: unknown;
  /** What people read; nothing when it was said on the way. */
  readonly text?: string;
  readonly exitCode?: number;
}

/** Does something with the house's API and closes the connection afterwards. */
export async function withHouse<T>(context: CommandContext, use: (client: ApiClient) => Promise<T>): Promise<T> {
  const client = await openApiClient(await locateHouse(context));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
