import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./paths.mjs";

/**
 * What a suite came to.
 *
 * @typedef {object} Outcome
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} skipped what was not run, with the reason
 * @property {number} ms
 */

/**
 * Runs a suite and counts.
 *
 * @param {import("./suites.mjs").Suite} suite
 * @param {{node: string, python: string}} tools
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Outcome>}
 */
export async function runSuite(suite, tools, env) {
  const begun = performance.now();
  const commands = suite.commands(tools);
  const outcome = { name: suite.name, passed: 0, failed: 0, skipped: [], ms: 0 };
  const before = hashOf(suite.unchanged ?? []);
  for (const { output, ok } of await runCommands(commands, suite, { ...env, ...suite.env })) {
    const counted = count(suite.kind, output, ok);
    outcome.passed += counted.passed;
    outcome.failed += counted.failed;
    outcome.skipped.push(...counted.skipped);
  }
  if (suite.unchanged !== undefined && hashOf(suite.unchanged) !== before) {
    process.stdout.write(`generating again changed something in ${suite.unchanged.join(", ")}\n`);
    outcome.failed += 1;
  }
  outcome.ms = performance.now() - begun;
  return outcome;
}

async function runCommands(commands, suite, env) {
  const outcomes = [];
  for (const command of commands) {
    const running = runCommand(command, suite, env);
    outcomes.push(suite.sideBySide ? running : await running);
  }
  return Promise.all(outcomes);
}

function runCommand([command, ...args], suite, env) {
  return new Promise((resolve) => {
    // A process group of its own, so that a suite that hangs ends with everything it started.
    const child = spawn(command, args, {
      cwd: suite.cwd ?? checkout,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    const pass = (stream) => (chunk) => {
      output += chunk;
      if (!suite.sideBySide) stream.write(chunk);
    };
    child.stdout.on("data", pass(process.stdout));
    child.stderr.on("data", pass(process.stderr));
    const timer = setTimeout(() => {
      process.stdout.write(`${suite.name} took longer than ${suite.timeoutMs / 60_000} minutes and was ended\n`);
      endGroup(child.pid);
    }, suite.timeoutMs);
    const onSignal = () => endGroup(child.pid);
    process.once("exit", onSignal);
    child.once("error", (error) => {
      process.stdout.write(`${command} could not be started: ${error.message}\n`);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("exit", onSignal);
      // What went on at the same time is shown one after another.
      if (suite.sideBySide) process.stdout.write(output);
      resolve({ output, ok: code === 0 });
    });
  });
}

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Counts an output of a kind; a runner that fails without a failed test, or counts nothing, is one failure. */
export function count(kind, output, ok) {
  const counted = { check: countCheck, node: countNode, pytest: countPytest }[kind](output, ok);
  const isSilent =
    counted.failed === 0 && (!ok || (kind !== "check" && counted.passed === 0 && counted.skipped.length === 0));
  return isSilent ? { ...counted, failed: 1 } : counted;
}

function countCheck(_output, ok) {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
}

function countNode(output) {
  // eslint-disable-next-line no-control-regex -- colours, where the environment forces them
  const plain = output.replaceAll(/\u001b\[[0-9;]*m/g, "");
  const number = (name) => Number(plain.match(new RegExp(`^ℹ ${name} (\\d+)$`, "m"))?.[1] ?? 0);
  const skipped = [...plain.matchAll(/^\s*﹣ (.*?)(?: \([\d.]+ms\))?(?: # (.*))?$/gm)].map(
    ([, title, why]) => `${title}: ${why ?? ""}`,
  );
  return { passed: number("pass"), failed: number("fail") + number("cancelled"), skipped };
}

function countPytest(output) {
  const number = (name) => Number(output.match(new RegExp(`(\\d+) ${name}`))?.[1] ?? 0);
  const skipped = [...output.matchAll(/^SKIPPED \[(\d+)\] (.*)$/gm)].map(([, times, what]) => `${what} (${times})`);
  return { passed: number("passed"), failed: number("failed") + number("errors?"), skipped };
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.map((name) => join(checkout, name)).filter(existsSync)) {
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).sort() : [""];
    for (const file of files.map((name) => join(path, name)).filter((name) => statSync(name).isFile())) {
      if (!file.includes("__pycache__")) {
        hash.update(file).update(readFileSync(file));
      }
    }
  }
  return hash.digest("hex");
}
