import { spawn, spawnSync } from "node:child_process";
import { SetupError } from "./setup-error.mjs";

const timeoutMs = 600_000;
// Of a failed command's output: its beginning, where npm says what is wrong, and its end, where the others do.
const keptCharacters = 1_500;

/**
 * Runs a command to its end without showing its output; throws a SetupError with an excerpt of it when it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, remedy: string}} options
 * @returns {Promise<void>}
 */
export function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const output = collect(child);
    const line = [command, ...args].join(" ");
    const fail = (why) => reject(new SetupError(`"${line}" ${why}\n${output()}`, options.remedy));
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    child.once("close", (code, signal) => (code === 0 ? resolve() : fail(`ended with ${code ?? signal}`)));
  });
}

function collect(child) {
  let head = "";
  let tail = "";
  const keep = (chunk) => {
    const text = String(chunk);
    const room = keptCharacters - head.length;
    head += text.slice(0, room);
    tail = (tail + text.slice(room)).slice(-keptCharacters);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  return () => (tail.length < keptCharacters ? head + tail : `${head}\n…\n${tail}`).trim();
}

/**
 * What a quick command prints, or undefined when it is not there or fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {string | undefined}
 */
export function ask(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8", timeout: 10_000, stdio: ["ignore", "pipe", "pipe"] });
  return result.status === 0 ? `${result.stdout}${result.stderr}`.trim() : undefined;
}

/** Whether a dotted version is at least another. */
export function isAtLeast(version, wanted) {
  const left = version.split(".").map(Number);
  const right = wanted.split(".").map(Number);
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - right[i];
    if (difference !== 0) {
      return difference > 0;
    }
  }
  return true;
}
