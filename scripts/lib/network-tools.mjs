import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptDownload, aptInstall, hasApt } from "./apt.mjs";
import { toolsFolder } from "./paths.mjs";
import { say, withProgress } from "./progress.mjs";
import { ask } from "./run.mjs";

/** What the unpacked programs are linked with, where a small system lacks it. */
const libraries = [
  "libslirp0",
  "libnftables1",
  "libnftnl11",
  "libjansson4",
  "libmnl0",
  "libedit2",
  "libbsd0",
  "libmd0",
];
const folder = join(toolsFolder, "network");

/**
 * What the network mode `internet` needs, brought as bubblewrap is. A house runs without it in the other modes, so a machine
 * that cannot have it is told and goes on.
 *
 * @returns {Promise<{slirp4netns?: string, nft?: string}>} the paths of the binaries
 */
export async function ensureNetworkTools() {
  const missing = () => find("slirp4netns") === undefined || find("nft") === undefined;
  if (missing() && hasApt()) {
    await withProgress("slirp4netns and nftables", async () => {
      if (process.getuid() === 0) {
        await aptInstall("slirp4netns", "nftables").catch((error) =>
          say(`${error.message}\n  so the packages are unpacked instead`),
        );
      }
      if (missing()) {
        await unpack();
      }
    }).catch((error) => say(`${error.message}\n  so the network mode "internet" is not to be had here`));
  }
  return { slirp4netns: find("slirp4netns"), nft: find("nft") };
}

async function unpack() {
  await aptDownload(["slirp4netns", "nftables", ...libraries], folder);
  mkdirSync(join(folder, "run"));
  for (const program of ["usr/bin/slirp4netns", "usr/sbin/nft"]) {
    const wrapper = join(folder, "run", program.split("/").at(-1));
    const paths = ["usr/lib", "lib"].map((part) => `"${folder}"/${part}/*-linux-gnu`).join(" ");
    const script = `#!/bin/sh\nfor lib in ${paths}; do LD_LIBRARY_PATH=$lib:$LD_LIBRARY_PATH; done\nexport LD_LIBRARY_PATH\n`;
    writeFileSync(wrapper, `${script}exec "${join(folder, program)}" "$@"\n`);
    chmodSync(wrapper, 0o755);
  }
}

function find(program) {
  const unpacked = join(folder, "run", program);
  if (existsSync(unpacked)) {
    return unpacked;
  }
  const places = ["/usr/sbin", "/usr/bin", "/sbin"].map((place) => join(place, program));
  return ask("which", [program]) ?? places.find((place) => existsSync(place));
}
