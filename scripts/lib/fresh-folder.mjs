import { mkdirSync, renameSync, rmSync } from "node:fs";

/**
 * Fills a folder anew. It appears only when the work is done, so that a set-up that was killed leaves nothing that looks
 * whole.
 *
 * @param {string} folder
 * @param {(fresh: string) => Promise<void>} fill
 */
export async function fillFolder(folder, fill) {
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  await fill(fresh);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}
