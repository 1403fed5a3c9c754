import { PlatformError } from "@millrace/core";
import { launchProcess, type Launch } from "./launch.ts";

const keptOutputCharacters = 8_192;

/** Runs a command to its end, with `input` on its standard input. Throws COMMAND_FAILED with the end of its output. */
export function runCommand(launch: Launch, input = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = launchProcess(launch, ["pipe", "pipe", "pipe"]);
    let output = "";
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-keptOutputCharacters);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    // A command that ends without reading its input is judged by its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    const fail = (what: string, cause?: unknown): void => {
      const message = `${launch.command} ${what}\n${output.trim()}`.trim();
      reject(new PlatformError("Internal", "COMMAND_FAILED", message, { cause }));
    };
    child.once("error", (error) => fail(`could not be started: ${error.message}`, error));
    child.once("close", (code, signal) => (code === 0 ? resolve() : fail(`ended with ${code ?? signal}`)));
  });
}
