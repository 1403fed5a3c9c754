import { checkHouse, checkRecord } from "./check-house.ts";
import { checkNamedLeases } from "./check-leases.ts";
import { checkMachine } from "./check-machine.ts";
import { checkRemoteHouse } from "./check-remote-house.ts";
import { checkSandbox } from "./check-sandbox.ts";
import { checkTools } from "./check-tools.ts";
import type { Check } from "./check.ts";
import type { CommandContext } from "../command-context.ts";
import { dataFolderInUse } from "../dev/index.ts";

export type { Check } from "./check.ts";

/**
 * Looks at everything that a house on this machine rests on: what is on, what is not, and what to do about it; and at the house,
 * the database and the NATS on other machines that the environment names.
 */
export async function doctor(context: CommandContext): Promise<{ checks: Check[] }> {
  const data = context.data ?? dataFolderInUse();
  const { checks: programs, tools } = checkTools();
  const [machine, sandbox, house, ...elsewhere] = await Promise.all([
    checkMachine(data),
    checkSandbox(tools),
    checkHouse(data),
    checkRemoteHouse(context),
    checkNamedRecord(),
    checkNamedLeases(),
  ]);
  return { checks: [...machine, ...programs, ...sandbox, ...house, ...elsewhere.flat()] };
}

/** The database of a house on other machines, which operators name to their commands. */
async function checkNamedRecord(): Promise<Check[]> {
  const url = process.env["MILLRACE_DATABASE_URL"];
  if (url === undefined || url === "") return [];
  return checkRecord(url, "Look whether the primary runs, and the standby that its commits wait for.");
}
