#!/usr/bin/env node
// Finds a Node that runs TypeScript as it is (this one, else the one that set-up brought) and runs the command on it.
// Plain JavaScript on purpose: it must work on Node 20.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const oldestNode = [22, 18];
const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, "../src/main.ts");

function isNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

function broughtNode() {
  const folder = process.env.MILLRACE_TOOLS ?? resolve(here, "../../../.millrace-tools");
  try {
    const { node } = JSON.parse(readFileSync(join(folder, "tools.json"), "utf8"));
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

function refuse() {
  const message = `this Node is ${process.versions.node}; Millrace needs ${oldestNode.join(".")} or later. Run "npm run setup" in the checkout: it brings one.`;
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ error: { reason: "NODE_TOO_OLD", message, details: {} } })}\n`);
  }
  process.stderr.write(`error: ${message}\n`);
  process.exitCode = 1;
}

function runOn(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  // Ctrl-C in a terminal reaches the child by itself; what is sent to this process alone is handed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.once("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === "SIGINT" ? 2 : 15);
  });
}

if (isNewEnough(process.versions.node)) {
  // Keeps the stripped TypeScript between calls; a second call starts in half the time.
  nodeModule.enableCompileCache?.();
  await import(pathToFileURL(main).href);
} else {
  const node = broughtNode();
  if (node === undefined) refuse();
  else runOn(node);
}
