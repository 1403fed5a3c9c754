import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { coerceError } from "@millrace/core";
import { loadTools, type Tools } from "@millrace/provision";
import { bad, good, type Check } from "./check.ts";
import type { SandboxTools } from "./check-sandbox.ts";

const setupRemedy = 'Run "npm run setup" in the checkout: it brings what is missing.';
const timeoutMs = 10_000;

/** The programs that set-up found or brought, each asked for its version. */
export function checkTools(): { checks: Check[]; tools: SandboxTools } {
  let tools: Tools;
  try {
    tools = loadTools();
  } catch (error) {
    return { checks: [bad("set-up", coerceError(error).message, setupRemedy)], tools: { python: "python3" } };
  }
  const checks = [
    askVersion("Node", tools.node, ["--version"]),
    askVersion("Python", tools.python, ["--version"]),
    askVersion("uv", join(dirname(tools.python), "uv"), ["--version"]),
    askVersion("nats-server", tools.natsServer, ["--version"]),
    askVersion("Postgres", join(tools.postgres, "bin/postgres"), ["--version"]),
    askVersion("worker's packages", tools.python, [
      "-c",
      "import grpc, google.protobuf as p; print('grpcio', grpc.__version__, 'protobuf', p.__version__)",
    ]),
  ];
  return { checks, tools };
}

function askVersion(name: string, program: string, args: string[]): Check {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", timeout: timeoutMs });
  const said = `${stdout}${stderr}`.trim().split("\n").at(-1) ?? "";
  return status === 0
    ? good(name, `${said} (${program})`)
    : bad(name, `${program} does not run: ${error?.message ?? said}`, setupRemedy);
}
