import { helpText, parseSettings, runnerSettings } from "@millrace/config";
import { coerceError } from "@millrace/core";
import { createLogger, runProcess } from "@millrace/telemetry";

import { startRunner } from "./runner-process.ts";

function main(): void {
  if (process.argv.includes("--help")) {
    process.stdout.write(helpText("runner", runnerSettings));
    return;
  }
  const settings = parseSettings(runnerSettings);
  const log = createLogger({ level: settings.logLevel, fields: { role: "runner", name: settings.name } });
  const { drainTimeoutMs, exitWithParent, quietAfterMs } = settings;
  runProcess({
    role: "runner",
    log,
    drainTimeoutMs,
    exitWithParent,
    quietAfterMs,
    start: () => startRunner(settings, log),
  });
}

try {
  main();
} catch (thrown) {
  process.stderr.write(`${coerceError(thrown).message}\n`);
  process.exitCode = 2;
}
