import { gatewaySettings } from "./gateway-settings.ts";
import { schedulerSettings } from "./scheduler-settings.ts";

/** Settings of a hub: those of the gateway and of the scheduler that it is. */
export const hubSettings = { ...gatewaySettings, ...schedulerSettings } as const;
