import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { operatorSettings, parseSettings } from "@millrace/config";
import { PlatformError } from "@millrace/core";
import type { RowCounts } from "@millrace/store";
import type { CommandContext, CommandResult } from "../command-context.ts";
import { dataFolderInUse } from "../dev/house-folder.ts";
import { writeWhole } from "./files.ts";

/** Options of `millrace backup`. */
export interface BackupCommandOptions {
  /** File to write to; undefined for standard output. */
  readonly to: string | undefined;
  readonly history: boolean;
  readonly withMasterKey: boolean;
}

/** Only its owner may read a backup. */
const BACKUP_MODE = 0o600;
const PROGRESS_MS = 2_000;

/** Writes everything that a house keeps to a file or to standard output, while the house goes on. */
export async function backup(context: CommandContext, options: BackupCommandOptions): Promise<CommandResult> {
  const { to, withMasterKey } = options;
  if (to === undefined && context.json) throw usage("with --json, say with --to where the backup goes");
  if (to === undefined && process.stdout.isTTY) {
    throw usage("name a file with --to, or send the output to another program");
  }
  const folder = folderOf(context);
  const masterKey = withMasterKey ? readMasterKey(folder) : undefined;
  // The database's client is loaded by few commands: it takes time, and the others have no use for it.
  const { backUp } = await import("@millrace/store");
  const progress = new Progress();
  const content = backUp(await urlOf(folder), {
    withoutHistory: !options.history,
    ...(masterKey !== undefined && { masterKey }),
    onProgress: (rows, bytes) => progress.tell(rows, bytes),
  });
  if (to === undefined) await pipeline(content, process.stdout, { end: false });
  else await writeWhole(to, content, BACKUP_MODE);
  progress.end();
  const reminder = withMasterKey
    ? "It holds the master key: whoever has it can read every secret in it."
    : "It does not hold the master key, without which nobody can read the secrets in it: keep that elsewhere.";
  process.stderr.write(`${reminder}\n`);
  const { rows, bytes } = progress;
  return to === undefined ? {} : { json: { file: to, bytes, rows, masterKey: withMasterKey } };
}

/** The data folder that is meant; undefined for the database of `MILLRACE_DATABASE_URL`. */
function folderOf({ data }: CommandContext): string | undefined {
  if (data === undefined && process.env["MILLRACE_DATABASE_URL"]) return undefined;
  return data ?? dataFolderInUse();
}

async function urlOf(folder: string | undefined): Promise<string> {
  if (folder === undefined) return operatorDatabaseUrl();
  const { databaseUrlOf, loadHouseState } = await import("../dev/index.ts");
  const file = join(folder, "house.json");
  if (existsSync(file)) return databaseUrlOf(loadHouseState(file));
  const message = `There is no house in ${folder}: name one with --data, or a database with MILLRACE_DATABASE_URL`;
  throw new PlatformError("NotFound", "HOUSE_NOT_FOUND", message);
}

/** The database that the commands of operators work on. */
export function operatorDatabaseUrl(): string {
  return parseSettings(operatorSettings, { args: [] }).databaseUrl;
}

/** As gateways look for it. */
function readMasterKey(folder: string | undefined): string {
  const given = process.env["MILLRACE_MASTER_KEY"];
  if (given) return given;
  const file = process.env["MILLRACE_MASTER_KEY_FILE"] || (folder && join(folder, "master-key"));
  if (file && existsSync(file)) return readFileSync(file, "utf8").trim();
  const message = "There is no master key here: give it with MILLRACE_MASTER_KEY or MILLRACE_MASTER_KEY_FILE";
  throw new PlatformError("FailedPrecondition", "MASTER_KEY_MISSING", message);
}

/** Tells on stderr how far a backup or a restore is. */
export class Progress {
  rows: RowCounts = {};
  bytes = 0;
  #toldAt = performance.now();

  tell(rows: RowCounts, bytes: number): void {
    this.rows = { ...rows };
    this.bytes = bytes;
    if (performance.now() - this.#toldAt >= PROGRESS_MS) this.end();
  }

  end(): void {
    this.#toldAt = performance.now();
    const count = Object.values(this.rows).reduce((sum, rows) => sum + rows, 0);
    const size = this.bytes === 0 ? "" : `, ${(this.bytes / 1024 ** 2).toFixed(1)} MiB`;
    process.stderr.write(`${count} rows of ${Object.keys(this.rows).length} tables${size}\n`);
  }
}

function usage(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "USAGE", message);
}
