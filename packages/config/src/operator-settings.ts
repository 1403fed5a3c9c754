import { commonSettings, databaseSettings } from "./common-settings.ts";

/** What the commands have that work on the record itself: `millrace migrate`, `millrace create-key`. */
export const operatorSettings = { databaseUrl: databaseSettings.databaseUrl } as const;

const { natsUrl, natsUser, natsPassword, natsCredentialsFile, natsCaFile, natsCertFile, natsKeyFile } = commonSettings;

/** How `millrace doctor` asks NATS itself. */
export const brokerSettings = {
  ...{ natsUrl, natsUser, natsPassword, natsCredentialsFile },
  ...{ natsCaFile, natsCertFile, natsKeyFile },
} as const;
