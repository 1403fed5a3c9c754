import { helpText, parseSettings, schedulerSettings } from "@millrace/config";
import { coerceError } from "@millrace/core";
import { createLogger, runProcess } from "@millrace/telemetry";
import { startScheduler } from "./scheduler.ts";

function main(): void {
  if (process.argv.includes("--help")) {
    process.stdout.write(helpText("scheduler", schedulerSettings));
    return;
  }
  const settings = parseSettings(schedulerSettings);
  const log = createLogger({ level: settings.logLevel, fields: { role: "scheduler", name: settings.name } });
  const { drainTimeoutMs, exitWithParent, quietAfterMs } = settings;
  runProcess({
    role: "scheduler",
    log,
    drainTimeoutMs,
    exitWithParent,
    quietAfterMs,
    start: () => startScheduler(settings, log),
  });
}

try {
  main();
} catch (thrown) {
  process.stderr.write(`${coerceError(thrown).message}\n`);
  process.exitCode = 2;
}
