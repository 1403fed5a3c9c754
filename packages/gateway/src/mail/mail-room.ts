import type { GatewaySettings } from "@millrace/config";
import type { Projects } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { CallHandler } from "../calls/host-calls.ts";
import { sendCalls } from "../calls/send-calls.ts";
import { Mailer } from "./mailer.ts";

/** What a gateway needs to send the mail of steps. */
export interface MailRoom {
  readonly calls: Readonly<Record<string, CallHandler>>;
  close(): void;
}

/** Wires the mail server to what user code may ask for; nothing is connected before the first mail. */
export function openMailRoom(parts: {
  readonly settings: GatewaySettings;
  readonly projects: Projects;
  readonly log: Logger;
}): MailRoom {
  const { settings, projects, log } = parts;
  const { smtpUrl: url, smtpFrom: from, smtpTimeoutMs: timeoutMs, emailsPerMinute: perMinute } = settings;
  const mailer = new Mailer({ url, from, timeoutMs, log });
  return { calls: sendCalls({ mailer, projects, perMinute }), close: () => mailer.close() };
}
