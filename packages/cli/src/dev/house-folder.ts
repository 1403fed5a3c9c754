import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { coerceError, PlatformError } from "@millrace/core";
import { checkoutFolder } from "@millrace/provision";

/** Where a house keeps each of its things. */
export interface HouseFolder {
  readonly path: string;
  /** What the house remembers between starts: its id, ports and credentials. Its owner's alone. */
  readonly stateFile: string;
  /** The API key for the command line and for scripts. */
  readonly apiKeyFile: string;
  readonly logs: string;
  readonly postgres: string;
  readonly nats: string;
  readonly runner: string;
}

/** The data folder when none is named: MILLRACE_DATA, else `.millrace` in the checkout. */
export function defaultDataFolder(): string {
  return process.env["MILLRACE_DATA"] ?? join(checkoutFolder, ".millrace");
}

/** Makes a data folder, or takes one that is there. */
export function openHouseFolder(folder: string): HouseFolder {
  const path = resolve(folder);
  const logs = join(path, "logs");
  try {
    mkdirSync(logs, { recursive: true });
    // Under root, Postgres runs as another user and has to pass through. What is inside guards itself.
    chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700);
    chmodSync(logs, 0o700);
  } catch (error) {
    const message = `the data folder ${path} cannot be used: ${coerceError(error).message}; name another with --data`;
    throw new PlatformError("FailedPrecondition", "DATA_FOLDER_UNUSABLE", message, { cause: error });
  }
  return {
    path,
    stateFile: join(path, "house.json"),
    apiKeyFile: join(path, "api-key"),
    logs,
    postgres: join(path, "postgres"),
    nats: join(path, "nats"),
    runner: join(path, "runner"),
  };
}

const pointerFile = (): string =>
  join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state"), "millrace", "data-folder");

/** Remembers the data folder that was started last, for commands that name no house. */
export function rememberDataFolder(path: string): void {
  try {
    mkdirSync(dirname(pointerFile()), { recursive: true });
    writeFileSync(pointerFile(), path);
  } catch {
    // A user without a home of their own names the folder in each command.
  }
}

/** The data folder that commands mean when they name none: MILLRACE_DATA, else the one that was started last. */
export function dataFolderInUse(): string {
  if (process.env["MILLRACE_DATA"] !== undefined) {
    return process.env["MILLRACE_DATA"];
  }
  try {
    return readFileSync(pointerFile(), "utf8");
  } catch {
    return defaultDataFolder();
  }
}
