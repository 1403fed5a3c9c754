import { gatewaySettings, helpText, parseSettings } from "@millrace/config";
import { coerceError } from "@millrace/core";
import { createLogger, runProcess } from "@millrace/telemetry";
import { startGateway } from "./start-gateway.ts";

function main(): void {
  if (process.argv.includes("--help")) {
    process.stdout.write(helpText("gateway", gatewaySettings));
    return;
  }
  const settings = parseSettings(gatewaySettings);
  const log = createLogger({ level: settings.logLevel, fields: { role: "gateway", name: settings.name } });
  const { drainTimeoutMs, exitWithParent, quietAfterMs } = settings;
  runProcess({
    role: "gateway",
    log,
    drainTimeoutMs,
    exitWithParent,
    quietAfterMs,
    start: () => startGateway(settings, log),
  });
}

try {
  main();
} catch (thrown) {
  process.stderr.write(`${coerceError(thrown).message}\n`);
  process.exitCode = 2;
}
