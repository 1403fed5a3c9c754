import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOCKET_NAME = "runner.sock";
const PREFIX = "socket-";

/** Addresses of Unix sockets are short. */
const SOCKET_PATH_BYTES_MAX = 107;

/** Makes a folder for one socket that only this user can enter, and removes those that processes left behind when they were killed. */
export async function makeSocketFolder(dataFolder: string): Promise<{ folder: string; socketPath: string }> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const base = [dataFolder, tmpdir()].find(isShort) ?? "/tmp";
  await removeLeftovers(base);
  const folder = await mkdtemp(join(base, `${PREFIX}${process.pid}-`));
  return { folder, socketPath: join(folder, SOCKET_NAME) };
}

function isShort(base: string): boolean {
  const longest = join(base, `${PREFIX}4194304-XXXXXX`, SOCKET_NAME);
  return Buffer.byteLength(longest) <= SOCKET_PATH_BYTES_MAX;
}

async function removeLeftovers(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-\\w{6}$`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(base, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
