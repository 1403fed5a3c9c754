import { createHash } from "node:crypto";
import { PlatformError, type RunTokenClaims } from "@millrace/core";
import type { Projects } from "@millrace/store";
import { isEmailAddress } from "../mail/email-address.ts";
import type { Mailer } from "../mail/mailer.ts";
import { CallFields, invalidCall } from "./call-fields.ts";
import type { CallHandler, HostAnswer, HostCall } from "./host-calls.ts";

export interface SendCallsOptions {
  readonly mailer: Pick<Mailer, "send">;
  readonly projects: Pick<Projects, "getSettings">;
  /** Mails of one project in a minute. */
  readonly perMinute: number;
}

const SUBJECT_BYTES_MAX = 1_000;
const ADDRESS_BYTES_MAX = 320;
const RECIPIENTS_MAX = 50;
const MINUTE_MS = 60_000;
/** Mails that are remembered as sent, for a second copy of their call. */
const SENT_MAX = 10_000;
const NOTHING: HostAnswer = { response: {} };

/** `pd.send.email`: to whom a step says, or else to its project's recipient. */
export function sendCalls(options: SendCallsOptions): Record<string, CallHandler> {
  const pace = new Pace(options.perMinute);
  const sent = new Set<string>();
  return {
    "email.send": async (claims, call) => {
      const messageId = messageIdOf(claims, call);
      if (sent.has(messageId)) return NOTHING;
      const fields = new CallFields(call.request);
      const subject = fields.text("subject", SUBJECT_BYTES_MAX, { empty: true });
      const to = await recipientsOf(options, claims, fields);
      const content = readContent(call.body);
      pace.assert(claims.projectId);
      await options.mailer.send({ ...content, to, subject, messageId });
      sent.add(messageId);
      if (sent.size > SENT_MAX) sent.delete(sent.values().next().value!);
      return NOTHING;
    },
  };
}

async function recipientsOf(
  { projects }: SendCallsOptions,
  { projectId }: RunTokenClaims,
  fields: CallFields,
): Promise<string[]> {
  const given = (fields.flag("default") ? [] : fields.list("to", RECIPIENTS_MAX)).map((address) =>
    new CallFields({ address }).text("address", ADDRESS_BYTES_MAX),
  );
  const wrong = given.find((address) => !isEmailAddress(address));
  if (wrong !== undefined) throw invalidCall(`${JSON.stringify(wrong)} is not an e-mail address`);
  if (given.length > 0) return given;
  const { emailRecipient } = await projects.getSettings(projectId);
  if (emailRecipient !== null) return [emailRecipient];
  const message =
    'Nobody to send to: give `to`, or set the project\'s recipient with "millrace project --email-to ADDRESS"';
  throw new PlatformError("FailedPrecondition", "EMAIL_NO_RECIPIENT", message);
}

function readContent(body: Uint8Array): { text: string; html: string } {
  try {
    const { text, html } = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>;
    if (typeof text === "string" && typeof html === "string") return { text, html };
  } catch {
    // Said below.
  }
  throw invalidCall("the content of the mail is missing");
}

/** Of the operation and what is sent: when a step has to run again, the same mail is the same mail. */
function messageIdOf({ runId }: RunTokenClaims, { path, execution, number, request, body }: HostCall): string {
  const operation = createHash("sha256").update(JSON.stringify([runId, path, execution, number, request]));
  return `<${operation.update("\0").update(body).digest("hex").slice(0, 40)}@millrace>`;
}

/** Counts mails of each project by the minute. */
class Pace {
  readonly #perMinute: number;
  readonly #counts = new Map<string, number>();
  #minute = 0;

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  assert(projectId: string): void {
    const minute = Math.floor(performance.now() / MINUTE_MS);
    if (minute !== this.#minute) this.#counts.clear();
    this.#minute = minute;
    const count = (this.#counts.get(projectId) ?? 0) + 1;
    if (count > this.#perMinute) {
      const message = `A project may send ${this.#perMinute} mails in a minute`;
      throw new PlatformError("ResourceExhausted", "TOO_MANY_EMAILS", message);
    }
    this.#counts.set(projectId, count);
  }
}
