import { readdirSync, readFileSync } from "node:fs";

/** Whether a process runs: there, and not only waiting to be reaped by its parent. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The processes that a process has started itself and that are still there. */
export function childrenOf(pid: number): number[] {
  const wanted = String(pid);
  return allProcesses().filter((child) => statOf(child)?.[1] === wanted);
}

/** The state letter of a process as the kernel shows it, or undefined when there is none of that id. */
function stateOf(pid: number): string | undefined {
  return statOf(pid)?.[0];
}

/** What the kernel says of a process, from its state on; undefined when there is none of that id. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name stands in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function allProcesses(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** The processes whose environment at their start held `name=value`. Those of other users show none and are left out. */
export function findByEnvironment(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return allProcesses().filter((pid) => pid !== process.pid && isAlive(pid) && environmentOf(pid).includes(wanted));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Sends a signal; a process that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
      throw error;
    }
  }
}
