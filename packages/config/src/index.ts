import { gatewaySettings } from "./gateway-settings.ts";
import { hubSettings } from "./hub-settings.ts";
import { brokerSettings, operatorSettings } from "./operator-settings.ts";
import { runnerSettings } from "./runner-settings.ts";
import { schedulerSettings } from "./scheduler-settings.ts";
import type { SettingsOf } from "./setting.ts";

export { brokerSettings, gatewaySettings, hubSettings, operatorSettings, runnerSettings, schedulerSettings };
export { helpText } from "./help-text.ts";
export { flagOf, invalidSettings, parseSettings, type SettingsProblem, type SettingSource } from "./parse-settings.ts";
export { processName } from "./process-name.ts";
export type { Setting, SettingTable, SettingsOf } from "./setting.ts";

/** A gateway's settings, checked. */
export type GatewaySettings = SettingsOf<typeof gatewaySettings>;
/** A scheduler's settings, checked. */
export type SchedulerSettings = SettingsOf<typeof schedulerSettings>;
/** A hub's settings, checked. */
export type HubSettings = SettingsOf<typeof hubSettings>;
/** A runner's settings, checked. */
export type RunnerSettings = SettingsOf<typeof runnerSettings>;
export { natsOptions } from "./nats-options.ts";
