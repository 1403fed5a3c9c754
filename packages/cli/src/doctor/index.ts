import { checkHouse } from "./check-house.ts";
import { checkMachine } from "./check-machine.ts";
import { checkSandbox } from "./check-sandbox.ts";
import { checkTools } from "./check-tools.ts";
import type { Check } from "./check.ts";
import { dataFolderInUse } from "../dev/index.ts";

export type { Check } from "./check.ts";

/** Looks at everything that a house on this machine rests on: what is on, what is not, and what to do about it. */
export async function doctor(options: { data?: string | undefined }): Promise<{ checks: Check[] }> {
  const data = options.data ?? dataFolderInUse();
  const { checks: programs, tools } = checkTools();
  const [machine, sandbox, house] = await Promise.all([checkMachine(data), checkSandbox(tools), checkHouse(data)]);
  return { checks: [...machine, ...programs, ...sandbox, ...house] };
}
