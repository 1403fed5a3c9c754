import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsKeys } from "@millrace/bus";
import { operatorSettings, parseSettings } from "@millrace/config";
import { coerceError, PlatformError } from "@millrace/core";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { CommandContext, CommandResult } from "../command-context.ts";
import { dataFolderInUse } from "../dev/house-folder.ts";
import { loadHouseState } from "../dev/house-state.ts";
import { databaseUrlOf } from "../dev/process-plans.ts";
import type { Perform } from "../program.ts";

const DAY_MS = 86_400_000;

interface AccessOptions {
  readonly keys?: string;
}

/** What an operator has to hand for it: the keys of the house's NATS, and where the record and the servers are. */
interface Access {
  readonly keys: NatsKeys;
  readonly natsUrl: () => string;
  readonly databaseUrl: () => string;
}

/**
 * Who may be a runner. These commands work on keys, the record and the NATS servers, not through a gateway: on a house of this
 * machine without further ado, elsewhere with the file of keys and the addresses in the environment.
 */
export function addRunnerAccessCommands(
  runners: Command,
  perform: Perform,
  examples: (...lines: string[]) => string,
): void {
  const keys = () => new Option("--keys <file>", "the house's nats-keys.json").env("MILLRACE_NATS_KEYS_FILE");
  runners
    .command("join-token")
    .description("make a token that lets runners join a pool; the old ones go on until they are revoked")
    .option("--pool <pool>", "the pool", "default")
    .addOption(
      new Option("--days <days>", "how long it lets newcomers in (default: until revoked)").argParser(parseDays),
    )
    .addOption(keys())
    .addHelpText("after", examples("millrace runners join-token --pool gpu --days 30"))
    .action((options: AccessOptions & { pool: string; days?: number }) =>
      perform((context) => joinToken(context, options)),
    );
  runners
    .command("revoke <name>")
    .description("cut a runner off at once, wherever its credential is used, and give it no further one")
    .addOption(keys())
    .addHelpText("after", examples("millrace runners revoke runner-1"))
    .action((name: string, options: AccessOptions) => perform((context) => revokeRunner(context, name, options)));
  runners
    .command("revoke-key <key...>")
    .description("make void what was issued for a key until now: a join token, a gateway's or scheduler's credentials")
    .addOption(keys())
    .addHelpText("after", examples("millrace runners revoke-key UABC…"))
    .action((names: string[], options: AccessOptions) => perform((context) => revokeKeys(context, names, options)));
}

async function joinToken(
  context: CommandContext,
  { pool, days, ...options }: AccessOptions & { pool: string; days?: number },
): Promise<CommandResult> {
  const { issueJoinToken } = await import("@millrace/bus/identity");
  const expiresAtMs = days === undefined ? undefined : Date.now() + days * DAY_MS;
  const { token, key } = issueJoinToken(accessOf(context, options).keys.accountSeed, pool, expiresAtMs);
  return { json: { pool, token, key }, text: token };
}

async function revokeRunner(context: CommandContext, name: string, options: AccessOptions): Promise<CommandResult> {
  const access = accessOf(context, options);
  const { openStore } = await import("@millrace/store");
  const store = await openStore({ url: access.databaseUrl(), applicationName: "millrace runners", connectionsMax: 1 });
  try {
    const keys = await store.runnerIdentities.revoke(name);
    if (keys.length === 0) throw new PlatformError("NotFound", "RUNNER_NOT_FOUND", `no runner has the name ${name}`);
    await revoke(access, keys);
    return { json: { runner: name, keys }, text: `${name} is cut off` };
  } finally {
    await store.close();
  }
}

async function revokeKeys(
  context: CommandContext,
  keys: readonly string[],
  options: AccessOptions,
): Promise<CommandResult> {
  const { isUserKey } = await import("@millrace/bus/identity");
  const wrong = keys.find((key) => !isUserKey(key));
  if (wrong !== undefined) throw new PlatformError("InvalidArgument", "INVALID_KEY", `"${wrong}" is no key of a user`);
  await revoke(accessOf(context, options), keys);
  return { json: { keys }, text: "revoked" };
}

async function revoke({ keys, natsUrl }: Access, revoked: readonly string[]): Promise<void> {
  const bus = await import("@millrace/bus");
  const { MILLRACE_NATS_CA_FILE: caFile } = process.env;
  await bus.revokeKeys(natsUrl(), keys, revoked, { caFile });
}

function accessOf(context: CommandContext, { keys }: AccessOptions): Access {
  if (keys === undefined) return accessOfLocalHouse(context.data ?? dataFolderInUse());
  return {
    keys: readKeys(keys),
    natsUrl: () => process.env["MILLRACE_NATS_URL"] ?? missing("MILLRACE_NATS_URL"),
    databaseUrl: () => parseSettings(operatorSettings, { args: [] }).databaseUrl,
  };
}

function accessOfLocalHouse(folder: string): Access {
  const state = loadHouseState(join(folder, "house.json"), { create: false });
  return {
    keys: state.natsKeys,
    natsUrl: () => `nats://127.0.0.1:${state.ports?.nats}`,
    databaseUrl: () => databaseUrlOf(state),
  };
}

function readKeys(file: string): NatsKeys {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as NatsKeys;
  } catch (thrown) {
    const message = `${file} cannot be read: ${coerceError(thrown).message}`;
    throw new PlatformError("InvalidArgument", "INVALID_KEYS_FILE", message, { cause: thrown });
  }
}

function missing(name: string): never {
  throw new PlatformError("InvalidArgument", "INVALID_SETTINGS", `${name} is not set`);
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1) throw new InvalidArgumentError("must be a whole number from 1");
  return days;
}
