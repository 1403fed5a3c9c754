import { flagOf } from "./parse-settings.ts";
import type { Setting, SettingTable } from "./setting.ts";

/** What `--help` prints for a process. */
export function helpText(process: string, table: SettingTable): string {
  const entries = Object.values(table).map(
    (setting) => `  ${setting.env}  ${flagText(setting)}\n      ${setting.description}${facts(setting)}`,
  );
  return `millrace ${process}\n\nSettings, as environment variables or flags (flags win):\n\n${entries.join("\n")}\n`;
}

function flagText(setting: Setting<unknown>): string {
  return setting.secret ? `(or ${setting.env}_FILE)` : flagOf(setting);
}

function facts(setting: Setting<unknown>): string {
  const said = [
    setting.required ? "required" : "",
    setting.defaultText === undefined || setting.defaultText === "" ? "" : `default ${setting.defaultText}`,
    setting.range,
    setting.unit === "" ? "" : `in ${setting.unit}`,
  ].filter((fact) => fact !== "");
  return said.length === 0 ? "" : ` [${said.join("; ")}]`;
}
