import type { Command } from "commander";
import type { Perform } from "../program.ts";
import {
  accountAdd,
  accountApp,
  accountApps,
  accountClient,
  accountList,
  accountReconnect,
  accountRemove,
  accountRemoveApp,
  accountTest,
  accountUpdate,
  type AddOptions,
} from "./account.ts";
import type { FieldOptions } from "./account-fields.ts";

const gather = (value: string, before: string[]): string[] => [...before, value];

/** `millrace account …`. */
export function addAccountCommands(program: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  const account = program.command("account").description("connect accounts at other services, for steps to use");
  withFields(account.command("add <app> <name>"))
    .description("connect an account; secrets come from stdin, and OAuth is allowed in a browser")
    .option("--scope <scope>", "a scope to ask for instead of the app's own; may be repeated", gather, [])
    .option("--no-wait", "print the page to open and return, without waiting until somebody has allowed it")
    .addHelpText(
      "after",
      examples(
        "millrace account add openai main < key.txt",
        "millrace account add slack my-team",
        "millrace account add github bot --field oauth_access_token < token.txt",
        "millrace account add postgresql shop --plain host=db --plain port=5432 --plain database=shop --plain user=me --field password < password.txt",
      ),
    )
    .action((app: string, name: string, options: AddOptions) =>
      perform((context) => accountAdd(context, app, name, options)),
    );
  withFields(account.command("update <name>"))
    .description("replace the fields of an account")
    .action((name: string, options: FieldOptions) => perform((context) => accountUpdate(context, name, options)));
  account
    .command("reconnect <name>")
    .description("have an account allowed anew in a browser")
    .option("--no-wait", "print the page to open and return")
    .action((name: string, options: { wait: boolean }) =>
      perform((context) => accountReconnect(context, name, options)),
    );
  account
    .command("list")
    .description("list the accounts; values of their fields are not shown")
    .action(() => perform(accountList));
  account
    .command("test <name>")
    .description("try an account at its provider")
    .action((name: string) => perform((context) => accountTest(context, name)));
  account
    .command("remove <name>")
    .description("delete an account; its provider is not told")
    .action((name: string) => perform((context) => accountRemove(context, name)));
  addAppCommands(account, perform, examples);
}

function addAppCommands(account: Command, perform: Perform, examples: (...lines: string[]) => string): void {
  account
    .command("apps")
    .description("list the apps that accounts can be of")
    .action(() => perform(accountApps));
  account
    .command("client <app>")
    .description("set the OAuth client that an app's provider has given you; its secret comes from stdin")
    .requiredOption("--id <id>", "the client's id")
    .option("--public", "it has no secret", false)
    .addHelpText("after", examples("millrace account client github --id Iv1.0123 < secret.txt"))
    .action((app: string, options: { id: string; public: boolean }) =>
      perform((context) => accountClient(context, app, options)),
    );
  account
    .command("app <file>")
    .description("define an app of your own, from a file in YAML or JSON")
    .action((file: string) => perform((context) => accountApp(context, file)));
  account
    .command("remove-app <app>")
    .description("delete an app of your own, or the client of an app")
    .action((app: string) => perform((context) => accountRemoveApp(context, app)));
}

function withFields(command: Command): Command {
  return command
    .option("--field <name>", "the field whose value is piped in; without it a JSON object of fields may be")
    .option("--plain <name=value>", "a field that is no secret; may be repeated", gather, []);
}
