import type { CommandContext, CommandResult } from "../command-context.ts";
import { defaultDataFolder } from "../dev/house-folder.ts";
import { exitCode } from "../exit-code.ts";
import { table } from "../output/table.ts";

// `dev` and `doctor` bring the database and the tools along, which the other commands need not wait for.

export interface DevCommandOptions {
  readonly port?: number;
  readonly grpcPort?: number;
  readonly host: string;
  readonly publicUrl?: string;
}

/** Runs the whole house in the foreground. */
export async function dev(context: CommandContext, options: DevCommandOptions): Promise<CommandResult> {
  const { dev: runHouse } = await import("../dev/index.ts");
  await runHouse({ ...options, data: context.data ?? defaultDataFolder() });
  return { json: { state: "stopped" } };
}

/** Says what works on this machine and what does not. */
export async function doctor(context: CommandContext): Promise<CommandResult> {
  const { doctor: examine } = await import("../doctor/index.ts");
  const { checks } = await examine({ data: context.data });
  const { style } = context;
  const rows = checks.map(({ name, ok, detail }) => [
    ok ? { text: "ok", style: style.good } : { text: "no", style: style.bad },
    name,
    detail,
  ]);
  const remedies = checks.filter(({ ok }) => !ok).map(({ name, remedy }) => `${name}: ${remedy}`);
  const text = [table(["", "CHECK", "FOUND"], rows), ...remedies].join("\n");
  return { json: { checks }, text, exitCode: remedies.length === 0 ? exitCode.ok : exitCode.unavailable };
}
