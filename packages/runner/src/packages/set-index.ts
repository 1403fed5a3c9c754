import { createHmac, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { removeTree } from "./remove-tree.ts";

/** A set that is installed. */
interface InstalledSet {
  readonly name: string;
  readonly bytes: number;
  usedMs: number;
  /** When the record of its last use was written. */
  notedMs: number;
}

/** Uses are written down this often at most. */
const NOTE_EVERY_MS = 10 * 60_000;
/** Environments may enter the folder of a set whose name they were told, and list nothing. */
const CLOSED_MODE = 0o311;
const OPEN_MODE = 0o755;

/**
 * The package sets on this runner's disk: `sets/<name>` holds one, `index/<name>.json` says which and how large it is, and when
 * it was used last (its time of change). Names derive from the hash with a secret of this runner's, so that user code, which
 * sees all sets at one place, finds only those that it was told of. A set is renamed into place when it is complete, behind its
 * record: whatever a crash leaves is a record without a set, or rubbish in `building`.
 */
export class SetIndex {
  readonly #folder: string;
  readonly #sets = new Map<string, InstalledSet>();
  #secret = "";

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The folder that environments see. */
  get setsFolder(): string {
    return join(this.#folder, "sets");
  }

  /** A folder for a build that does not exist yet. */
  newBuildFolder(): string {
    return join(this.#folder, "building", randomBytes(8).toString("hex"));
  }

  /** Reads what is there and removes what a crash left. */
  async open(): Promise<void> {
    await removeTree(join(this.#folder, "building"));
    for (const name of ["building", "index", "sets"]) await mkdir(join(this.#folder, name), { recursive: true });
    this.#secret = await this.#readSecret();
    for (const file of await readdir(join(this.#folder, "index"))) await this.#read(file);
    await chmod(this.setsFolder, CLOSED_MODE);
  }

  /** Lets the folder's owner list and remove the sets again. */
  async close(): Promise<void> {
    await chmod(this.setsFolder, OPEN_MODE);
  }

  /** Name of a set's folder, installed or not. */
  nameOf(hash: string): string {
    return createHmac("sha256", this.#secret).update(hash).digest("hex").slice(0, 32);
  }

  /** Whether the set is there; a look is a use. */
  use(hash: string): boolean {
    const set = this.#sets.get(hash);
    if (set === undefined) return false;
    set.usedMs = Date.now();
    if (set.usedMs - set.notedMs > NOTE_EVERY_MS) {
      set.notedMs = set.usedMs;
      const now = new Date(set.usedMs);
      void utimes(this.#recordOf(set.name), now, now).catch(() => {});
    }
    return true;
  }

  /** Takes over a complete set. */
  async add(hash: string, folder: string, bytes: number): Promise<void> {
    const name = this.nameOf(hash);
    await writeFile(this.#recordOf(name), JSON.stringify({ hash, bytes }));
    const place = join(this.setsFolder, name);
    // A set whose record was lost is unknown, but still there.
    await removeTree(place);
    await rename(folder, place);
    this.#sets.set(hash, { name, bytes, usedMs: Date.now(), notedMs: Date.now() });
  }

  /**
   * Removes sets that nobody used for long and, while all together are too large, those unused for longest; never one that
   * was used a short time ago, for an environment may still import from it.
   */
  async collect(limits: { bytesMax: number; idleMs: number; protectMs: number }): Promise<string[]> {
    const now = Date.now();
    let bytes = [...this.#sets.values()].reduce((sum, set) => sum + set.bytes, 0);
    const removed: string[] = [];
    for (const [hash, set] of [...this.#sets].sort(([, a], [, b]) => a.usedMs - b.usedMs)) {
      const idleMs = now - set.usedMs;
      if (idleMs < limits.protectMs || (idleMs < limits.idleMs && bytes <= limits.bytesMax)) continue;
      // Another collection, at the same time, may have taken it.
      if (!this.#sets.delete(hash)) continue;
      bytes -= set.bytes;
      removed.push(hash);
      await this.#remove(set.name);
    }
    return removed;
  }

  /** Out of sight at once, then removed. */
  async #remove(name: string): Promise<void> {
    const rubbish = this.newBuildFolder();
    await rename(join(this.setsFolder, name), rubbish);
    await rm(this.#recordOf(name), { force: true });
    await removeTree(rubbish);
  }

  #recordOf(name: string): string {
    return join(this.#folder, "index", `${name}.json`);
  }

  async #read(file: string): Promise<void> {
    const record = join(this.#folder, "index", file);
    try {
      const { hash, bytes } = JSON.parse(await readFile(record, "utf8")) as { hash: string; bytes: number };
      const name = this.nameOf(hash);
      const { mtimeMs } = await stat(record);
      await stat(join(this.setsFolder, name));
      this.#sets.set(hash, { name, bytes, usedMs: mtimeMs, notedMs: mtimeMs });
    } catch {
      // A record whose set never came, or half a record: the set is built again when it is wanted.
      await rm(record, { force: true });
    }
  }

  async #readSecret(): Promise<string> {
    const file = join(this.#folder, "secret");
    const known = await readFile(file, "utf8").catch(() => "");
    if (known !== "") return known;
    const made = randomBytes(32).toString("hex");
    await writeFile(file, made, { mode: 0o600 });
    return made;
  }
}
