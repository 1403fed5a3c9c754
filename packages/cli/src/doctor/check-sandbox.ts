import { execFile } from "node:child_process";
import { join } from "node:path";
import { checkoutFolder } from "@millrace/provision";
import { bad, type Check } from "./check.ts";

const timeoutMs = 60_000;

/** The programs that sandboxes are made with; those that are not named are looked for. */
export interface SandboxTools {
  readonly python: string;
  readonly bwrap?: string | undefined;
  readonly slirp4netns?: string | undefined;
  readonly nft?: string | undefined;
}

/** Has the worker's own code try the sandbox on this machine, as a runner does at its start. */
export async function checkSandbox({ python, bwrap, slirp4netns, nft }: SandboxTools): Promise<Check[]> {
  if (process.platform !== "linux") {
    return [];
  }
  const { output, problem } = await probe(python, {
    MILLRACE_SANDBOX_BWRAP: bwrap,
    MILLRACE_SANDBOX_SLIRP4NETNS: slirp4netns,
    MILLRACE_SANDBOX_NFT: nft,
  });
  try {
    const { checks } = JSON.parse(output) as { checks: Check[] };
    return checks.map((check) => ({ ...check, name: `sandbox: ${check.name}` }));
  } catch {
    return [
      bad("sandbox", `it could not be tried: ${problem}`, 'Run "npm run setup" in the checkout, then this again.'),
    ];
  }
}

function probe(
  python: string,
  programs: Readonly<Record<string, string | undefined>>,
): Promise<{ output: string; problem: string }> {
  const env = {
    ...process.env,
    PYTHONPATH: join(checkoutFolder, "packages/worker"),
    ...Object.fromEntries(Object.entries(programs).filter(([, path]) => path !== undefined)),
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
