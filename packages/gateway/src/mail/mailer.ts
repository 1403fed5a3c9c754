import { coerceError, PlatformError } from "@millrace/core";
import type { Logger } from "@millrace/telemetry";
import type { Transporter } from "nodemailer";

/** A mail of a step, checked. */
export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Empty for none. */
  readonly html: string;
  /** The same for each copy of the same mail: mail servers and programs recognise a second one by it. */
  readonly messageId: string;
}

export interface MailerOptions {
  /** Undefined where the house has no mail server. */
  readonly url: string | undefined;
  readonly from: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** Connections to the mail server, kept for the next mail. */
const CONNECTIONS_MAX = 3;

/** Hands mail to the house's mail server, and only then says that it is sent. */
export class Mailer {
  readonly #options: MailerOptions;
  #transport: Transporter | undefined;

  constructor(options: MailerOptions) {
    this.#options = options;
  }

  /** @throws PlatformError `EMAIL_NOT_CONFIGURED`, `EMAIL_REFUSED`, `EMAIL_FAILED` */
  async send({ to, ...content }: Mail): Promise<void> {
    const { from, log } = this.#options;
    try {
      const mail = { ...content, from, to: [...to], html: content.html || undefined };
      const transport = await this.#open();
      await transport.sendMail({ ...mail, disableFileAccess: true, disableUrlAccess: true });
    } catch (thrown) {
      if (thrown instanceof PlatformError) throw thrown;
      log.warn("email.failed", { error: coerceError(thrown) });
      throw mailError(thrown as MailFailure);
    }
  }

  close(): void {
    this.#transport?.close();
  }

  /** The library is loaded with the first mail: most houses send none. */
  async #open(): Promise<Transporter> {
    const { url, timeoutMs } = this.#options;
    if (url === undefined) {
      const message = "This house has no mail server: its operator sets MILLRACE_SMTP_URL";
      throw new PlatformError("FailedPrecondition", "EMAIL_NOT_CONFIGURED", message);
    }
    const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
    const { createTransport } = await import("nodemailer");
    this.#transport ??= createTransport({ url, pool: true, maxConnections: CONNECTIONS_MAX, ...timeouts });
    return this.#transport;
  }
}

interface MailFailure {
  readonly responseCode?: number;
  readonly response?: string;
}

/** A refusal is told in the server's words; why it could not be reached is the operator's business. */
function mailError({ responseCode, response }: MailFailure): PlatformError {
  if (responseCode !== undefined && responseCode >= 500) {
    const message = `The mail server refuses this mail: ${(response ?? String(responseCode)).slice(0, 300)}`;
    return new PlatformError("InvalidArgument", "EMAIL_REFUSED", message);
  }
  return new PlatformError(
    "FailedPrecondition",
    "EMAIL_FAILED",
    "The mail server cannot be reached, or does not take the mail now",
  );
}
