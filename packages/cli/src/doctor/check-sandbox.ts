import { execFile } from "node:child_process";
import { join } from "node:path";
import { checkoutFolder } from "@millrace/provision";
import { bad, type Check } from "./check.ts";

const timeoutMs = 60_000;

/** Has the worker's own code try the sandbox on this machine, as a runner does at its start. */
export async function checkSandbox(python: string, bwrap: string | undefined): Promise<Check[]> {
  if (process.platform !== "linux") {
    return [];
  }
  const { output, problem } = await probe(python, bwrap);
  try {
    const { checks } = JSON.parse(output) as { checks: Check[] };
    return checks.map((check) => ({ ...check, name: `sandbox: ${check.name}` }));
  } catch {
    return [
      bad("sandbox", `it could not be tried: ${problem}`, 'Run "npm run setup" in the checkout, then this again.'),
    ];
  }
}

function probe(python: string, bwrap: string | undefined): Promise<{ output: string; problem: string }> {
  const env = {
    ...process.env,
    PYTHONPATH: join(checkoutFolder, "packages/worker"),
    ...(bwrap !== undefined && { MILLRACE_SANDBOX_BWRAP: bwrap }),
  };
  return new Promise((resolve) => {
    // A failed check is an answer too: only what is on stdout counts, not the exit code.
    execFile(
      python,
      ["-m", "millrace_worker.sandbox", "--probe"],
      { env, timeout: timeoutMs },
      (error, stdout, stderr) =>
        resolve({ output: stdout, problem: (stderr.trim() || error?.message) ?? "it said nothing" }),
    );
  });
}
