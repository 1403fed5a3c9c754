import { SetupError } from "./setup-error.mjs";

/**
 * Runs a script's body; a SetupError is shown as its message alone and ends the process with 1.
 *
 * @param {() => Promise<number>} body returns the exit code
 */
export async function runScript(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) {
      throw error;
    }
    process.stderr.write(`\nset-up cannot go on: ${error.message}\n`);
    process.exitCode = 1;
  }
}
