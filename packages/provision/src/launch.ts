import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";

/** How to start a process that must not outlive the one that starts it. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What the kernel sends the process when whoever started it is gone, by `kill -9` too. */
  readonly deathSignal: "INT" | "TERM" | "KILL" | "QUIT";
  /** The uid and gid to run as; as whoever starts it when absent. */
  readonly uid?: number | undefined;
  /** Folders to show the process below `mountPoint`, for one whose uid cannot walk to where they really are. */
  readonly mounts?: readonly Mount[] | undefined;
}

/** A folder shown in the started process' own mount namespace, where its uid can reach it. */
export interface Mount {
  readonly from: string;
  readonly name: string;
}

/** Where `mounts` appear to the started process. It hides what the machine has there from that process only. */
export const mountPoint = "/mnt";

const mountScript = `set -e
mount -t tmpfs -o mode=755,size=64k none ${mountPoint}
while [ "$1" != -- ]; do mkdir "${mountPoint}/$2"; mount --bind "$1" "${mountPoint}/$2"; shift 2; done
shift
exec "$@"`;

/**
 * The command line of a launch: mounts, then the parent-death signal and the uid in one `setpriv`, then the command. Each
 * replaces the one before it, so the process id is the command's own.
 */
export function commandLine(launch: Launch): string[] {
  const setpriv = ["setpriv", "--pdeathsig", launch.deathSignal];
  if (launch.uid !== undefined) {
    setpriv.push("--reuid", String(launch.uid), "--regid", String(launch.uid), "--clear-groups");
  }
  const argv = [...setpriv, "--", launch.command, ...launch.args];
  if (launch.mounts === undefined || launch.mounts.length === 0) {
    return argv;
  }
  const mounts = launch.mounts.flatMap((mount) => [mount.from, mount.name]);
  return [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "--",
    "/bin/sh",
    "-c",
    mountScript,
    "sh",
    ...mounts,
    "--",
    ...argv,
  ];
}

/** Starts a process in a session of its own, so that a Ctrl-C in the terminal reaches the supervisor alone. */
export function launchProcess(launch: Launch, stdio: StdioOptions): ChildProcess {
  const [command = "", ...args] = commandLine(launch);
  return spawn(command, args, { cwd: launch.cwd, env: { ...launch.env }, stdio, detached: true });
}
