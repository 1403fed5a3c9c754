import { formatBytes, PlatformError } from "@millrace/core";
import type { historyApi, projectApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";

/** What is to be changed; false takes a setting away. */
export interface ProjectOptions {
  readonly emailTo?: string | false | undefined;
  /** In bytes. */
  readonly storageLimit?: number | false | undefined;
  /** Most waiting runs. */
  readonly queueLimit?: number | false | undefined;
}

/** Shows the settings of the project and what it stores, or changes those that are named. */
export function project(
  context: CommandContext,
  { emailTo, storageLimit, queueLimit }: ProjectOptions,
): Promise<CommandResult> {
  if (emailTo === "") {
    const message = "Give an address, or --no-email-to for none.";
    throw new PlatformError("InvalidArgument", "INVALID_EMAIL_ADDRESS", message);
  }
  return withHouse(context, async (client) => {
    if (queueLimit !== undefined) {
      await client.project.setQueueLimit({ queueLimit: queueLimit === false ? undefined : queueLimit });
    }
    const settings =
      emailTo === undefined
        ? await client.project.getProject({})
        : await client.project.setEmailRecipient({ emailRecipient: emailTo === false ? "" : emailTo });
    const storage =
      storageLimit === undefined
        ? await client.history.getStorage({})
        : await client.history.setStorageLimit({ limitBytes: storageLimit === false ? undefined : storageLimit });
    return { json: projectDocument(settings, storage), text: `${projectText(settings)}\n${storageText(storage)}` };
  });
}

function projectDocument(
  { displayName, emailRecipient, queueLimit }: projectApi.Project,
  storage: historyApi.Storage,
): unknown {
  return { name: displayName, emailTo: emailRecipient || null, queueLimit: queueLimit ?? null, storage };
}

function storageText(storage: historyApi.Storage): string {
  const { objectBytes, dataStoreBytes, rememberedBytes, totalBytes, limitBytes } = storage;
  const parts = `files and large values ${sizeText(objectBytes)}, data stores ${sizeText(dataStoreBytes)}, remembered writes ${sizeText(rememberedBytes)}`;
  return `stores ${sizeText(totalBytes)} of ${sizeText(limitBytes)}: ${parts}`;
}

const MIB = 1024 ** 2;

function sizeText(bytes: number): string {
  return bytes < MIB ? formatBytes(bytes) : `${(bytes / MIB).toFixed(1)} MiB`;
}

function projectText({ displayName, emailRecipient, queueLimit }: projectApi.Project): string {
  const mail = emailRecipient || 'nobody; "millrace project --email-to ADDRESS" sets an address';
  const queue = queueLimit === undefined ? "as many runs as the house's setting says" : `${queueLimit} runs`;
  return `project ${displayName}\npd.send.email goes to ${mail}\n${queue} may wait at the same time`;
}
