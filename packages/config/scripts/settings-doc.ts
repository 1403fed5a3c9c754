import { writeFileSync } from "node:fs";
import {
  flagOf,
  gatewaySettings,
  operatorSettings,
  runnerSettings,
  schedulerSettings,
  type Setting,
  type SettingTable,
} from "../src/index.ts";

/*
 * "npm run docs:settings": writes docs/reference/settings.md from the tables that the processes parse. Running it again
 * changes nothing, and the tests hold us to that.
 */
const processes: readonly (readonly [string, string, SettingTable])[] = [
  [
    "Gateway",
    "The door: HTTP triggers and the API. A hub, which is gateway and scheduler in one process, has the settings of both.",
    gatewaySettings,
  ],
  ["Scheduler", "Owns partitions and decides.", schedulerSettings],
  ["Runner", "Executes runs. It has no credentials of the database.", runnerSettings],
  [
    "Commands of an operator",
    "`millrace migrate` and `millrace create-key`: environment variables only.",
    operatorSettings,
  ],
];

const head = `# Settings

<!-- Written by "npm run docs:settings" from packages/config/src; changes belong there. -->

Each process is started by settings alone: environment variables, or the flags that follow from their names
(\`MILLRACE_HTTP_PORT\` is \`--http-port\`); a flag wins. All settings are checked before anything starts, and everything that is
wrong is said at once. An empty variable counts as unset. A secret has no flag, as others could read it in the process list; it
may stand in a file that \`<NAME>_FILE\` names.
`;

function row(setting: Setting<unknown>): string {
  const flag = setting.secret ? "" : `\`${flagOf(setting)}\``;
  const name = setting.secret ? `\`${setting.env}\`, \`${setting.env}_FILE\`` : `\`${setting.env}\``;
  const standard = setting.required ? "required" : setting.defaultText ? `\`${setting.defaultText}\`` : "";
  const allowed = [setting.type, setting.unit === "" ? "" : `in ${setting.unit}`, setting.range].filter(
    (part) => part !== "",
  );
  const cells = [name, flag, standard, allowed.join("; "), setting.description];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function section([title, about, table]: readonly [string, string, SettingTable]): string {
  const columns = "| Variable | Flag | Default | Allowed | What it does |\n| --- | --- | --- | --- | --- |";
  return `\n## ${title}\n\n${about}\n\n${columns}\n${Object.values(table).map(row).join("\n")}\n`;
}

const target = new URL("../../../docs/reference/settings.md", import.meta.url);
writeFileSync(target, head + processes.map(section).join(""));
