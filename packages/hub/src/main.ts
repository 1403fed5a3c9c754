import { helpText, hubSettings, parseSettings } from "@millrace/config";
import { coerceError } from "@millrace/core";
import { createLogger, runProcess } from "@millrace/telemetry";
import { startHub } from "./start-hub.ts";

function main(): void {
  if (process.argv.includes("--help")) {
    process.stdout.write(helpText("hub", hubSettings));
    return;
  }
  const settings = parseSettings(hubSettings);
  const log = createLogger({ level: settings.logLevel, fields: { role: "hub", name: settings.name } });
  const { drainTimeoutMs, exitWithParent, quietAfterMs } = settings;
  runProcess({ role: "hub", log, drainTimeoutMs, exitWithParent, quietAfterMs, start: () => startHub(settings, log) });
}

try {
  main();
} catch (thrown) {
  process.stderr.write(`${coerceError(thrown).message}\n`);
  process.exitCode = 2;
}
