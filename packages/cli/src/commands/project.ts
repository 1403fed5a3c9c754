import { PlatformError } from "@millrace/core";
import type { projectApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";

/** Shows the settings of the project, or changes those that are named. */
export function project(
  context: CommandContext,
  { emailTo }: { emailTo?: string | false | undefined },
): Promise<CommandResult> {
  if (emailTo === "") {
    const message = "Give an address, or --no-email-to for none.";
    throw new PlatformError("InvalidArgument", "INVALID_EMAIL_ADDRESS", message);
  }
  return withHouse(context, async (client) => {
    const settings =
      emailTo === undefined
        ? await client.project.getProject({})
        : await client.project.setEmailRecipient({ emailRecipient: emailTo === false ? "" : emailTo });
    return { json: projectDocument(settings), text: projectText(settings) };
  });
}

function projectDocument({ displayName, emailRecipient }: projectApi.Project): unknown {
  return { name: displayName, emailTo: emailRecipient || null };
}

function projectText({ displayName, emailRecipient }: projectApi.Project): string {
  const mail = emailRecipient || 'nobody; "millrace project --email-to ADDRESS" sets an address';
  return `project ${displayName}\npd.send.email goes to ${mail}`;
}
