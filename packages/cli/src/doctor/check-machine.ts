import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { arch, availableParallelism, release, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { bad, good, type Check } from "./check.ts";

const gibibyte = 1024 ** 3;
const diskMinBytes = 2 * gibibyte;
const memoryMinBytes = gibibyte;

/** The machine itself: system, size, disk. */
export async function checkMachine(data: string): Promise<Check[]> {
  return [checkPlatform(), checkMemory(), await checkDisk(data)];
}

function checkPlatform(): Check {
  const found = `${process.platform} ${arch()}, kernel ${release()}, ${availableParallelism()} cores`;
  if (process.platform !== "linux") {
    return bad(
      "platform",
      found,
      "Millrace runs on Linux: use a virtual machine (Lima, OrbStack, WSL 2) or a Linux server.",
    );
  }
  return ["x64", "arm64"].includes(arch())
    ? good("platform", found)
    : bad("platform", found, "Use an x86-64 or arm64 machine: there is no Postgres to bring for this one.");
}

function checkMemory(): Check {
  const found = `${(totalmem() / gibibyte).toFixed(1)} GiB`;
  return totalmem() >= memoryMinBytes
    ? good("memory", found)
    : bad("memory", found, "Give the machine 1 GiB or more; each step may use 256 MB by default.");
}

async function checkDisk(data: string): Promise<Check> {
  const place = nearestFolder(data);
  const { bavail, bsize, ffree } = await statfs(place);
  const free = bavail * bsize;
  const found = `${(free / gibibyte).toFixed(1)} GiB and ${ffree} files free at ${place}`;
  return free >= diskMinBytes
    ? good("disk", found)
    : bad("disk", found, "Make room, or name a data folder on another disk with --data.");
}

function nearestFolder(path: string): string {
  const at = resolve(path);
  return existsSync(at) ? at : nearestFolder(dirname(at));
}
