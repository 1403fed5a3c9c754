import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { HouseRole } from "@millrace/bus/identity";
import { coerceError, PlatformError } from "@millrace/core";
import { checkoutFolder } from "@millrace/provision";

/** Where a house keeps each of its things. */
export interface HouseFolder {
  readonly path: string;
  /** What the house remembers between starts: its id, ports and credentials. Its owner's alone. */
  readonly stateFile: string;
  /** The API key for the command line and for scripts. */
  readonly apiKeyFile: string;
  /** The password that the first administrator was given; also there after it was changed. */
  readonly passwordFile: string;
  /** The key under which secrets are kept in the database. Whoever has both can read them; who loses it has lost them. */
  readonly masterKeyFile: string;
  readonly logs: string;
  readonly postgres: string;
  readonly nats: string;
  readonly runner: string;
  /** What gateways, schedulers and hubs show to NATS. */
  readonly credentials: Readonly<Record<HouseRole, string>>;
  /** What makes further runners, on other machines too, members of the house's default pool. */
  readonly joinTokenFile: string;
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
    passwordFile: join(path, "admin-password"),
    masterKeyFile: join(path, "master-key"),
    logs,
    postgres: join(path, "postgres"),
    nats: join(path, "nats"),
    runner: join(path, "runner"),
    credentials: {
      gateway: join(path, "gateway.creds"),
      scheduler: join(path, "scheduler.creds"),
      hub: join(path, "hub.creds"),
    },
    joinTokenFile: join(path, "join-token"),
  };
}

const rememberedMax = 10;
const recentFile = (): string =>
  join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state"), "millrace", "data-folders");

/** Remembers a data folder as the one that was started last, for commands that name no house. */
export function rememberDataFolder(path: string): void {
  const recent = [path, ...recentDataFolders().filter((other) => other !== path)].slice(0, rememberedMax);
  try {
    mkdirSync(dirname(recentFile()), { recursive: true });
    writeFileSync(recentFile(), recent.map((folder) => `${folder}\n`).join(""));
  } catch {
    // A user without a home of their own names the folder in each command.
  }
}

/** The data folder that commands mean when they name none: MILLRACE_DATA, else that of the house that was started last. */
export function dataFolderInUse(): string {
  const recent = recentDataFolders();
  return process.env["MILLRACE_DATA"] ?? recent.find(isInUse) ?? recent[0] ?? defaultDataFolder();
}

function isInUse(folder: string): boolean {
  return existsSync(join(folder, "supervisor.sock"));
}

function recentDataFolders(): string[] {
  try {
    return readFileSync(recentFile(), "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
