import { readdirSync, readFileSync } from "node:fs";
import type { HouseProcess } from "../harness/test-house.ts";

const TICKS_PER_SECOND = 100;

interface ProcessFacts {
  readonly parent: number;
  /** Own and of ended children, in seconds. */
  readonly cpuSeconds: number;
}

/** CPU seconds by role, server processes counted to their server; the sandboxes below a worker are `environments`. */
export function cpuByRole(processes: readonly HouseProcess[]): Map<string, number> {
  return sumByRole(processes, (_pid, facts) => facts.cpuSeconds);
}

/** CPU seconds of a process and of everything below it. */
export function cpuOfTree(pid: number): number {
  const table = readProcesses();
  const isBelow = (at: number | undefined): boolean =>
    at !== undefined && at > 1 && (at === pid || isBelow(table.get(at)?.parent));
  return [...table].reduce((sum, [at, { cpuSeconds }]) => (isBelow(at) ? sum + cpuSeconds : sum), 0);
}

/** Proportional resident memory by role in MiB. */
export function memoryByRole(processes: readonly HouseProcess[]): Map<string, number> {
  return sumByRole(processes, (pid) => readPss(pid) / 1024);
}

function sumByRole(
  processes: readonly HouseProcess[],
  measure: (pid: number, facts: ProcessFacts) => number,
): Map<string, number> {
  const table = readProcesses();
  const roles = new Map(processes.filter(({ pid }) => pid !== null).map(({ pid, role }) => [pid!, role]));
  const sums = new Map<string, number>();
  for (const [pid, facts] of table) {
    const role = roleOf(pid, table, roles);
    if (role === undefined) continue;
    const part = role === "worker" && !roles.has(pid) ? "environments" : role;
    sums.set(part, (sums.get(part) ?? 0) + measure(pid, facts));
  }
  return sums;
}

/** The nearest ancestor that is a process of the house gives the role. */
function roleOf(pid: number, table: Map<number, ProcessFacts>, roles: Map<number, string>): string | undefined {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = table.get(at)?.parent) {
    const role = roles.get(at);
    if (role) return role;
  }
  return undefined;
}

function readProcesses(): Map<number, ProcessFacts> {
  const table = new Map<number, ProcessFacts>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const facts = readFacts(Number(name));
    if (facts) table.set(Number(name), facts);
  }
  return table;
}

function readFacts(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold spaces; the fields behind it do not.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

function readPss(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
