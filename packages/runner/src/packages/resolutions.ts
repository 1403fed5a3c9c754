import { createHash } from "node:crypto";

import type { BuildRequirement, Resolution } from "./package-build.ts";

/** What is to be resolved. */
export interface ResolutionWish {
  readonly requirements: readonly BuildRequirement[];
  /** Its versions stay while they fit; empty for the newest of everything. */
  readonly preferredLock: string;
  /** Whether the index is to be asked whatever is known. */
  readonly fresh: boolean;
}

const RESOLUTIONS_MAX = 256;

/**
 * What wishes came to a short time ago, for workflows that wish the same: to ask an index again takes most of such a deploy. A
 * wish counts as the same only whole: whatever ran while it was resolved was asked for by this one, too.
 */
export class Resolutions {
  readonly #keepMs: number;
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly resolution: Resolution; readonly askedMs: number }>();

  constructor(keepMs: number, now: () => number = () => performance.now()) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  /** What the wish came to, or what `ask` says. */
  async get(pythonMinor: string, wish: ResolutionWish, ask: () => Promise<Resolution>): Promise<Resolution> {
    const key = keyOf(pythonMinor, wish);
    const askedMs = this.#now();
    const known = this.#known.get(key);
    if (known !== undefined && !wish.fresh && askedMs - known.askedMs < this.#keepMs) return known.resolution;
    const resolution = await ask();
    this.#known.delete(key);
    this.#known.set(key, { resolution, askedMs });
    if (this.#known.size > RESOLUTIONS_MAX) this.#known.delete(this.#known.keys().next().value!);
    return resolution;
  }
}

function keyOf(pythonMinor: string, { requirements, preferredLock }: ResolutionWish): string {
  const wanted = requirements.map(({ requirement, importName, optional, examine }) => [
    requirement,
    importName,
    optional,
    examine,
  ]);
  return createHash("sha256")
    .update(JSON.stringify([pythonMinor, preferredLock, wanted]))
    .digest("hex");
}
