import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createKey,
  formatCredentials,
  issueJoinToken,
  issueRole,
  issueRunner,
  type NatsKeys,
} from "@millrace/bus/identity";
import type { HouseFolder } from "./house-folder.ts";

const POOL = process.env["MILLRACE_POOL"] || "default";
const RUNNER_LIFE_MS = 3_600_000;

/**
 * Gives the processes of a house on one machine what they show to NATS. Its runner finds its first credential made already, so
 * that it need not wait for a gateway to join; further ones it gets as any runner does.
 */
export function writeNatsIdentities(folder: HouseFolder, { accountSeed }: NatsKeys): void {
  for (const role of ["gateway", "scheduler", "hub"] as const) {
    if (!existsSync(folder.credentials[role]))
      writeSecret(folder.credentials[role], formatCredentials(issueRole(accountSeed, role)));
  }
  if (!existsSync(folder.joinTokenFile))
    writeSecret(folder.joinTokenFile, `${issueJoinToken(accountSeed, POOL).token}\n`);
  const { publicKey, seed } = createKey("user");
  const runner = process.env["MILLRACE_NAME"] || `local-${publicKey.slice(-8).toLowerCase()}`;
  const expiresAtMs = Date.now() + RUNNER_LIFE_MS;
  const jwt = issueRunner(accountSeed, { runner, pool: POOL, publicKey, expiresAtMs });
  mkdirSync(folder.runner, { recursive: true, mode: 0o700 });
  writeSecret(join(folder.runner, "identity.json"), JSON.stringify({ runner, pool: POOL, seed, jwt, expiresAtMs }));
}

function writeSecret(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
