import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { coerceError, PlatformError } from "@millrace/core";
import type { Restored, RestoreOptions } from "@millrace/store";
import type { CommandContext, CommandResult } from "../command-context.ts";
import { operatorDatabaseUrl, Progress } from "./backup.ts";

/** Options of `millrace restore`. */
export interface RestoreCommandOptions {
  readonly paused: boolean;
  readonly unfinished: boolean;
  /** Only looks whether the backup is whole. */
  readonly check: boolean;
}

/** Stands for stdin. */
const STANDARD = "-";

/** Makes a house of a backup: a new data folder (`--data`), or the empty database of `MILLRACE_DATABASE_URL`. */
export async function restore(
  context: CommandContext,
  file: string,
  options: RestoreCommandOptions,
): Promise<CommandResult> {
  const source = await openFile(file);
  const progress = new Progress();
  const how: RestoreOptions = {
    paused: options.paused,
    withoutUnfinished: !options.unfinished,
    onProgress: (rows) => progress.tell(rows, 0),
  };
  // The database's client is loaded by few commands: it takes time, and the others have no use for it.
  const store = await import("@millrace/store");
  if (options.check) {
    const found = await store.checkBackup(source);
    return { json: documentOf(found), text: `The backup is whole: ${titleOf(found)}` };
  }
  const { data } = context;
  if (data === undefined) {
    const restored = await store.restore(operatorDatabaseUrl(), source, how);
    const key = "Give the gateways the master key of the house that it is of.";
    return { json: documentOf(restored), text: `Restored ${titleOf(restored)}\n${key}` };
  }
  const { restoreHouse } = await import("../dev/restore-house.ts");
  const restored = await restoreHouse(data, source, how);
  const lines = [`Restored ${titleOf(restored)}`];
  if (restored.manifest.masterKey === undefined) {
    lines.push(`Its master key is not in the backup: copy it to ${join(data, "master-key")} before the first start.`);
  }
  lines.push(`Start it with: millrace dev --data ${data}`);
  return { json: documentOf(restored), text: lines.join("\n") };
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  if (file === STANDARD) return process.stdin;
  try {
    await access(file);
  } catch (thrown) {
    const message = `The backup cannot be read: ${coerceError(thrown).message}`;
    throw new PlatformError("NotFound", "BACKUP_NOT_FOUND", message, { cause: thrown });
  }
  return createReadStream(file, { highWaterMark: 1024 * 1024 });
}

function titleOf({ manifest, rows }: Restored): string {
  const count = Object.values(rows).reduce((sum, one) => sum + one, 0);
  const history = manifest.withoutHistory ? ", without history" : "";
  return `${count} rows as of ${manifest.createTime}, written by release ${manifest.release}${history}`;
}

function documentOf({ manifest, rows }: Restored): unknown {
  const { release, createTime, withoutHistory, masterKey } = manifest;
  return { release, createTime, withoutHistory, masterKey: masterKey !== undefined, rows };
}
