import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PlatformError, RELEASE } from "@millrace/core";
import type { CommandResult } from "../command-context.ts";
import { natsUsers } from "../dev/nats-users.ts";

/** Options of `millrace init-deploy`. */
export interface InitDeployOptions {
  readonly publicUrl: string;
}

const PASSWORD_BYTES = 24;
const KEY_BYTES = 32;
/**
 * Files of compose are mounted as they are, and the processes that read them are not their owner: whoever may not walk into
 * the folder cannot read them either.
 */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o644;

/** Secrets that are random: name of the file, bytes of the hex text. */
const RANDOM: Readonly<Record<string, number>> = {
  "postgres-password": PASSWORD_BYTES,
  "nats-gateway-password": PASSWORD_BYTES,
  "nats-scheduler-password": PASSWORD_BYTES,
  "nats-runner-password": PASSWORD_BYTES,
  "token-key": KEY_BYTES,
  "master-key": KEY_BYTES,
};

/**
 * Writes what deploy/compose is started with: `.env` and a folder `secrets`. A secret that is there is kept, so that a second
 * call, with a newer release, renews only what follows from them.
 */
export async function initDeploy(path: string, options: InitDeployOptions): Promise<CommandResult> {
  const folder = resolve(path);
  const secrets = join(folder, "secrets");
  if (!URL.canParse(options.publicUrl)) {
    throw new PlatformError("InvalidArgument", "INVALID_PUBLIC_URL", `"${options.publicUrl}" is no URL`);
  }
  await mkdir(secrets, { recursive: true, mode: FOLDER_MODE });
  await chmod(secrets, FOLDER_MODE);
  const written: string[] = [];
  const keep = async (name: string, text: string): Promise<string> => {
    const present = await readFile(join(folder, name), "utf8").catch(() => undefined);
    if (present !== undefined) return present.trim();
    await writeFile(join(folder, name), text, { mode: FILE_MODE });
    written.push(name);
    return text.trim();
  };
  const values: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(RANDOM)) {
    values[name] = await keep(`secrets/${name}`, `${randomBytes(bytes).toString("hex")}\n`);
  }
  const password = values["postgres-password"];
  await keep("secrets/database-url", `postgres://millrace:${password}@postgres:5432/millrace\n`);
  await keep(".env", environment(options));
  await writeFile(join(secrets, "nats-users.conf"), natsConfiguration(values), { mode: FILE_MODE });
  const text = [
    written.length === 0 ? "every secret is there already" : `wrote ${written.join(", ")} in ${folder}`,
    "keep secrets/master-key somewhere else too: without it nobody can read the variables and accounts in a backup",
  ].join("\n");
  return { json: { folder, written }, text };
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

/** NATS reads JSON. */
function natsConfiguration(values: Readonly<Record<string, string>>): string {
  const passwords = {
    gateway: values["nats-gateway-password"]!,
    scheduler: values["nats-scheduler-password"]!,
    runner: values["nats-runner-password"]!,
  };
  return `${JSON.stringify({ authorization: { users: natsUsers(passwords) } }, null, 2)}\n`;
}
