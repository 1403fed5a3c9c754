import { PlatformError } from "@millrace/core";
import type { session } from "@millrace/protocol";

/** How much a cache of versions may hold. */
export interface VersionCacheLimits {
  readonly versionsMax: number;
  readonly bytesMax: number;
}

interface Entry {
  readonly version: session.LoadVersion;
  readonly bytes: number;
}

/** Bodies of versions by their id. Versions never change, so an entry is right for ever; the least used one goes first. */
export class VersionCache {
  readonly #fetch: (runToken: string) => Promise<session.LoadVersion>;
  readonly #limits: VersionCacheLimits;
  /** In order of use, the latest last. */
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<session.LoadVersion>>();
  #bytes = 0;

  constructor(fetch: (runToken: string) => Promise<session.LoadVersion>, limits: VersionCacheLimits) {
    this.#fetch = fetch;
    this.#limits = limits;
  }

  /** The version when it is here; no promise, since almost every start finds it. */
  peek(versionId: string): session.LoadVersion | undefined {
    const entry = this.#entries.get(versionId);
    if (entry === undefined) return undefined;
    this.#entries.delete(versionId);
    this.#entries.set(versionId, entry);
    return entry.version;
  }

  /** The version, fetched with the run's token when it is not here; callers at the same time share one fetch. */
  async get(versionId: string, runToken: string): Promise<session.LoadVersion> {
    const known = this.peek(versionId);
    if (known !== undefined) return known;
    const running = this.#flights.get(versionId);
    if (running !== undefined) return await running;
    const flight = this.#load(versionId, runToken).finally(() => this.#flights.delete(versionId));
    this.#flights.set(versionId, flight);
    return await flight;
  }

  async #load(versionId: string, runToken: string): Promise<session.LoadVersion> {
    const version = await this.#fetch(runToken);
    if (version.versionId !== versionId) {
      const message = `asked for version ${versionId}, a gateway sent ${version.versionId || "none"}`;
      throw new PlatformError("Internal", "WRONG_VERSION", message);
    }
    this.#keep(version);
    return version;
  }

  #keep(version: session.LoadVersion): void {
    const sources = [...version.steps, ...version.modules];
    const bytes = sources.reduce((sum, { source }) => sum + source.length + 64, version.packages?.lock.length ?? 0);
    this.#entries.set(version.versionId, { version, bytes });
    this.#bytes += bytes;
    for (const [versionId, entry] of this.#entries) {
      const fits = this.#entries.size <= this.#limits.versionsMax && this.#bytes <= this.#limits.bytesMax;
      if (fits || versionId === version.versionId) break;
      this.#entries.delete(versionId);
      this.#bytes -= entry.bytes;
    }
  }
}
