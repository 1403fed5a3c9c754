import type { brokerSettings } from "./operator-settings.ts";
import type { SettingsOf } from "./setting.ts";

/** How a process reaches NATS, as the bus takes it. */
export function natsOptions(settings: SettingsOf<typeof brokerSettings>) {
  const { natsUrl, natsUser, natsPassword, natsCredentialsFile, natsCaFile, natsCertFile, natsKeyFile } = settings;
  return {
    url: natsUrl,
    user: natsUser,
    password: natsPassword,
    credentialsFile: natsCredentialsFile,
    tls: { caFile: natsCaFile, certFile: natsCertFile, keyFile: natsKeyFile },
  };
}
