import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { NatsKeys } from "@millrace/bus";
import { PlatformError, RELEASE } from "@millrace/core";
import type { CommandResult } from "../command-context.ts";

/** Options of `millrace init-deploy`. */
export interface InitDeployOptions {
  readonly publicUrl: string;
  /** Pools that runners may join. */
  readonly pools: readonly string[];
  /** Where the database is; default: the one of deploy/compose, with a password of its own. */
  readonly databaseUrl?: string;
  /** Host of the database that has its password from here. */
  readonly databaseHost: string;
}

const PASSWORD_BYTES = 24;
const KEY_BYTES = 32;
/**
 * Compose mounts files as they are, and the processes that read them are not their owner: whoever may not walk into the folder
 * cannot read them either.
 */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o644;

/** Secrets that are random: name of the file, bytes of the hex text. */
const RANDOM: Readonly<Record<string, number>> = {
  "postgres-password": PASSWORD_BYTES,
  "token-key": KEY_BYTES,
  "master-key": KEY_BYTES,
};

/**
 * Writes what a house on real hosts is started with: `.env` and a folder `secrets`. What is there is kept, so a second call
 * adds only what is missing, such as the join token of a further pool.
 */
export async function initDeploy(path: string, options: InitDeployOptions): Promise<CommandResult> {
  if (!URL.canParse(options.publicUrl)) {
    throw new PlatformError("InvalidArgument", "INVALID_PUBLIC_URL", `"${options.publicUrl}" is no URL`);
  }
  const folder = new DeployFolder(resolve(path));
  await folder.open();
  for (const [name, bytes] of Object.entries(RANDOM)) {
    await folder.keep(`secrets/${name}`, () => `${randomBytes(bytes).toString("hex")}\n`);
  }
  const password = await folder.read("secrets/postgres-password");
  const ownUrl = `postgres://millrace:${password}@${options.databaseHost}:5432/millrace`;
  await folder.keep("secrets/database-url", () => `${options.databaseUrl ?? ownUrl}\n`);
  await writeIdentities(folder, options.pools);
  await folder.keep(".env", () => environment(options));
  const { written } = folder;
  const text = [
    written.length === 0 ? "everything is there already" : `wrote ${written.join(", ")} in ${folder.path}`,
    "keep secrets/master-key and secrets/nats-keys.json somewhere else too: without the first nobody can read the variables and accounts in a backup, with the second a credential at NATS is taken back",
  ];
  return { json: { folder: folder.path, written }, text: text.join("\n") };
}

/** What the processes show to NATS, and what its servers know them by. */
async function writeIdentities(folder: DeployFolder, pools: readonly string[]): Promise<void> {
  // Loaded by this command only.
  const { createNatsKeys, formatCredentials, issueJoinToken, issueRole, trustOf } = await import("@millrace/bus");
  await folder.keep("secrets/nats-keys.json", () => `${JSON.stringify(createNatsKeys(), null, 2)}\n`);
  const keys = JSON.parse(await folder.read("secrets/nats-keys.json")) as NatsKeys;
  await folder.keep("secrets/nats-account-key", () => `${keys.accountSeed}\n`);
  await folder.keep("secrets/nats-trust.conf", () => {
    const { operatorJwt, systemAccount, accounts } = trustOf(keys);
    const resolver = { type: "full", dir: "/data/accounts", allow_delete: false, interval: "2m" };
    const trust = { operator: operatorJwt, system_account: systemAccount, resolver, resolver_preload: accounts };
    return `${JSON.stringify(trust, null, 2)}\n`;
  });
  for (const role of ["gateway", "scheduler"] as const) {
    await folder.keep(`secrets/nats-${role}.creds`, () => formatCredentials(issueRole(keys.accountSeed, role)));
  }
  for (const pool of pools) {
    await folder.keep(`secrets/join-token-${pool}`, () => `${issueJoinToken(keys.accountSeed, pool).token}\n`);
  }
}

/** Files that are written once. */
class DeployFolder {
  readonly path: string;
  readonly written: string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  async open(): Promise<void> {
    const secrets = join(this.path, "secrets");
    await mkdir(secrets, { recursive: true, mode: FOLDER_MODE });
    await chmod(secrets, FOLDER_MODE);
  }

  async keep(name: string, make: () => string): Promise<void> {
    try {
      await writeFile(join(this.path, name), make(), { mode: FILE_MODE, flag: "wx" });
      this.written.push(name);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
    }
  }

  async read(name: string): Promise<string> {
    return (await readFile(join(this.path, name), "utf8")).trim();
  }
}

function environment({ publicUrl }: InitDeployOptions): string {
  const url = new URL(publicUrl);
  const port = url.protocol === "http:" && url.port !== "" ? url.port : "7420";
  return `# What deploy/compose/compose.yaml reads; secrets are in the folder beside it.
MILLRACE_RELEASE=${RELEASE}
MILLRACE_PUBLIC_URL=${url.origin}
# Where the gateway is published. Behind a proxy on this machine: 127.0.0.1.
MILLRACE_PUBLISH_ADDRESS=0.0.0.0
MILLRACE_PUBLISH_HTTP_PORT=${port}
MILLRACE_PUBLISH_GRPC_PORT=${Number(port) + 1}
# Runs at the same time, and what they may take together.
MILLRACE_SLOTS=16
MILLRACE_RUNNER_MEMORY=4g
MILLRACE_RUNNER_CPUS=2
# On machines with AppArmor that forbids user namespaces: millrace-runner, once deploy/apparmor/millrace-runner is loaded.
MILLRACE_APPARMOR_PROFILE=unconfined
`;
}
