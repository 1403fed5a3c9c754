import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { loadTools } from "@millrace/provision";

/** Somebody who is not root, and what of the house's programs that user can run. */
export interface OtherUser {
  readonly uid: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** Users of the system's own that no program runs as: Postgres wants one that has a name. */
const NAMES = ["games", "news", "uucp", "man"];

/**
 * An ordinary user with tools below `folder`: root's own Python often lies where others cannot go, so the system's is taken,
 * with a copy of the worker's packages. Undefined when this process is no root or there is no such Python.
 */
export function makeOtherUser(folder: string): OtherUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const tools = loadTools();
  const packages = ask(tools.python, "import sysconfig; print(sysconfig.get_path('purelib'))");
  const version = ask(tools.python, "import sys; print('python%d.%d' % sys.version_info[:2])");
  const python = ["/usr/bin", "/usr/local/bin"].map((place) => join(place, version)).find((path) => existsSync(path));
  const uid = NAMES.map((name) => uidOf(name)).find((found) => found !== undefined);
  if (python === undefined || packages === "" || uid === undefined) return undefined;
  const libraries = join(folder, "libraries");
  cpSync(packages, libraries, { recursive: true });
  const uv = join(folder, "uv");
  copyFileSync(join(dirname(tools.python), "uv"), uv);
  const wrapper = join(folder, "python");
  writeFileSync(wrapper, `#!/bin/sh\nPYTHONPATH="$PYTHONPATH:${libraries}" exec ${python} "$@"\n`);
  chmodSync(wrapper, 0o755);
  const home = join(folder, "home");
  mkdirSync(home);
  writeFileSync(join(folder, "tools.json"), JSON.stringify({ ...tools, python: wrapper }));
  for (const path of [folder, home]) chownSync(path, uid, uid);
  return {
    uid,
    environment: { MILLRACE_TOOLS: folder, MILLRACE_UV: uv, HOME: home, XDG_STATE_HOME: join(home, "state") },
  };
}

function uidOf(name: string): number | undefined {
  const line = new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(readFileSync("/etc/passwd", "utf8"));
  return line === null ? undefined : Number(line[1]);
}

function ask(python: string, code: string): string {
  return spawnSync(python, ["-c", code], { encoding: "utf8" }).stdout.trim();
}
