import { PlatformError } from "@millrace/core";
import type { session } from "@millrace/protocol";

import type { PackageSets } from "./package-sets.ts";

/** Gives versions to workers with the packages that their runs import. */
export class RunPackages {
  readonly #sets: PackageSets;
  readonly #waitMs: number;
  readonly #forWorkers = new WeakMap<session.LoadVersion, session.LoadVersion>();

  constructor(sets: PackageSets, waitMs: number) {
    this.#sets = sets;
    this.#waitMs = waitMs;
  }

  /** The version as a worker loads it when its packages are here; most versions have none. */
  ready(version: session.LoadVersion): session.LoadVersion | undefined {
    if (version.packages === undefined) return version;
    return this.#sets.has(version.packages.hash) ? this.#forWorker(version, version.packages) : undefined;
  }

  /** The same, after a build where that is needed. Fails when the build takes too long for a run; it goes on all the same. */
  async prepare(version: session.LoadVersion): Promise<session.LoadVersion> {
    const ready = this.ready(version);
    if (ready !== undefined) return ready;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message = "the packages are still being installed";
        reject(new PlatformError("Unavailable", "PACKAGES_NOT_READY", message));
      }, this.#waitMs);
    });
    try {
      await Promise.race([this.#sets.ensureForRun(version.packages!), late]);
    } finally {
      clearTimeout(timer);
    }
    return this.#forWorker(version, version.packages!);
  }

  /** A worker needs the set's folder and not its lock, which is long. */
  #forWorker(version: session.LoadVersion, packages: session.PackageSet): session.LoadVersion {
    const known = this.#forWorkers.get(version);
    if (known !== undefined) return known;
    const folder = this.#sets.folderOf(packages.hash);
    const made = { ...version, packages: { ...packages, lock: "", folder } };
    this.#forWorkers.set(version, made);
    return made;
  }
}
