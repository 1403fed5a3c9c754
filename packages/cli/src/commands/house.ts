import { resolve } from "node:path";
import type { CommandContext, CommandResult } from "../command-context.ts";
import type { ReadyHouse } from "../dev/dev.ts";
import { defaultDataFolder } from "../dev/house-folder.ts";
import type { Check } from "../doctor/check.ts";
import { exitCode } from "../exit-code.ts";
import { reportResult } from "../output/report.ts";
import { table, type Cell } from "../output/table.ts";

// `dev` and `doctor` bring the database and the tools along, which the other commands need not wait for.

export interface DevCommandOptions {
  readonly port?: number;
  readonly grpcPort?: number;
  readonly host: string;
  readonly publicUrl?: string;
  readonly separate: boolean;
}

/** Runs the whole house in the foreground; with `--json` its document comes when everything answers. */
export async function dev(context: CommandContext, options: DevCommandOptions): Promise<CommandResult> {
  const { dev: runHouse } = await import("../dev/index.ts");
  const data = context.data ?? defaultDataFolder();
  const whenReady = async ({ url, grpc }: ReadyHouse): Promise<void> => {
    if (context.json) reportResult({ json: { url, grpc, dataFolder: resolve(data) } }, true);
  };
  return { exitCode: await runHouse({ ...options, data, json: context.json, whenReady }) };
}

/** Says what works on this machine and what does not. */
export async function doctor(context: CommandContext): Promise<CommandResult> {
  const { doctor: examine } = await import("../doctor/index.ts");
  const { checks } = await examine(context);
  const { style } = context;
  const verdict = ({ ok, needed }: Check): Cell => {
    if (ok) return { text: "ok", style: style.good };
    return needed === false ? { text: "off", style: style.dim } : { text: "no", style: style.bad };
  };
  const rows = checks.map((check) => [verdict(check), check.name, check.detail]);
  const remedies = checks.filter(({ ok }) => !ok).map(({ name, remedy }) => `${name}: ${remedy}`);
  const healthy = checks.every(({ ok, needed }) => ok || needed === false);
  const text = [table(["", "CHECK", "FOUND"], rows), ...remedies].join("\n");
  return { json: { checks }, text, exitCode: healthy ? exitCode.ok : exitCode.unavailable };
}
