import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The key that hostile steps use for what belongs to no process. */
const HOSTILE_KEY = 0x6d696c6c;

/** What code that got out would have changed on the machine: names, kernel settings, mounts, things that belong to no process. */
export function machineState(): Record<string, unknown> {
  return {
    hostname: read("/proc/sys/kernel/hostname"),
    corePattern: read("/proc/sys/kernel/core_pattern"),
    modprobe: read("/proc/sys/kernel/modprobe"),
    mounts: read("/proc/self/mountinfo"),
    shared: ["shm", "msg", "sem"].filter((kind) => read(`/proc/sysvipc/${kind}`).includes(String(HOSTILE_KEY))),
    modules: rows("/proc/modules"),
    swaps: read("/proc/swaps"),
  };
}

/** Files and sockets that carry the mark which every hostile step leaves where it can write. */
export function escapedFiles(folders: readonly string[]): string[] {
  const found = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.includes("millrace-escaped"));
  const sockets = read("/proc/net/unix")
    .split("\n")
    .filter((line) => line.includes("millrace-escaped"));
  return [...found, ...sockets];
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly command: string;
}

/** Processes of environments' uids that no sandbox holds any more: their line of parents ends without a bubblewrap. */
export function strayProcesses(uids: { readonly from: number; readonly to: number }): string[] {
  const all = new Map(processes().map((process) => [process.pid, process]));
  const isHeld = (process: Process): boolean => {
    for (let at: Process | undefined = process; at !== undefined; at = all.get(at.parent)) {
      if (/(^|\/)bwrap/.test(at.command)) return true;
    }
    return false;
  };
  return [...all.values()]
    .filter(({ uid }) => uid >= uids.from && uid <= uids.to)
    .filter((process) => !isHeld(process))
    .map(({ pid, uid, command }) => `${pid} of uid ${uid}: ${command}`);
}

/** Control groups of a worker, which go when it does. */
export function groupsOf(worker: number): string[] {
  const mounts = read("/proc/self/mountinfo").matchAll(/^\S+ \S+ \S+ \S+ (\S+).* - cgroup2? /gm);
  return [...mounts]
    .flatMap(([, mount = ""]) => walk(mount, 4))
    .filter((path) => path.includes(`/millrace-${worker}-`));
}

function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const status = read(`/proc/${name}/status`);
      const field = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? -1);
      // A zombie only waits for its parent to look.
      if (status === "" || /^State:\s+[ZX]/m.test(status)) return [];
      const command = read(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      return [{ pid: Number(name), parent: field("PPid"), uid: field("Uid"), command }];
    });
}

function walk(folder: string, depth: number): string[] {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const paths = below.map(({ name }) => join(folder, name));
    return depth === 0 ? paths : [...paths, ...paths.flatMap((path) => walk(path, depth - 1))];
  } catch {
    return [];
  }
}

function rows(path: string): number {
  return read(path).split("\n").length;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
