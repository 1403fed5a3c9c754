import { databaseSettings } from "./common-settings.ts";

/** What the commands have that work on the record itself: `millrace migrate`, `millrace create-key`. */
export const operatorSettings = { databaseUrl: databaseSettings.databaseUrl } as const;
