import { spawn } from "node:child_process";

/**
 * Runs a script on a Node and returns its exit code. The script ends with this process, by `kill -9` too; Ctrl-C in a
 * terminal reaches it by itself, what is sent to this process alone is handed on.
 *
 * @param {string} node
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export function runOnNode(node, args, env = process.env) {
  const child = spawn("setpriv", ["--pdeathsig", "TERM", "--", node, ...args], { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
