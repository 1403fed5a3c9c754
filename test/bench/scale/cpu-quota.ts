import { existsSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const V1 = "/sys/fs/cgroup/cpu";
const V2 = "/sys/fs/cgroup";
/** Short, so that whoever has used up its share waits for milliseconds, as behind a busy core. */
const PERIOD_US = 10_000;

/**
 * Processes that get so much of a core each and no more, so that a machine with few cores can show what several schedulers
 * place that are all at their limit. Asks for root and for control groups.
 */
export class CpuQuota implements AsyncDisposable {
  readonly #percent: number;
  readonly #groups: { readonly folder: string; readonly root: string; readonly pid: number }[] = [];

  /** @param percent of one core. */
  constructor(percent: number) {
    this.#percent = percent;
  }

  /** Binds a process with all its threads. */
  async bind(pid: number): Promise<void> {
    const quota = Math.round((this.#percent / 100) * PERIOD_US);
    const isV1 = existsSync(join(V1, "cpu.cfs_quota_us"));
    const root = isV1 ? V1 : V2;
    const folder = join(root, `millrace-bench-${pid}`);
    await mkdir(folder);
    this.#groups.push({ folder, root, pid });
    if (isV1) {
      await writeFile(join(folder, "cpu.cfs_period_us"), String(PERIOD_US));
      await writeFile(join(folder, "cpu.cfs_quota_us"), String(quota));
    } else {
      await writeFile(join(folder, "cpu.max"), `${quota} ${PERIOD_US}`);
    }
    await writeFile(join(folder, "cgroup.procs"), String(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { folder, root, pid } of this.#groups.toReversed()) {
      // One that has ended is in no group any more.
      await writeFile(join(root, "cgroup.procs"), String(pid)).catch(() => undefined);
      await rmdir(folder);
    }
  }
}
