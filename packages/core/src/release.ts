/** The release of this code: `package.json`, the chart and the images carry the same. */
export const RELEASE = "0.2.0";

/**
 * The oldest release whose processes may work beside those of this one: what they say to each other and to the database is
 * understood both ways. Raised only together with a note in the changelog that the upgrade needs a stop.
 */
export const OLDEST_BESIDE = "0.2.0";

/** What a release counts as that was made before processes said theirs. */
export const RELEASE_UNSAID = "0.1.0";

/** Below zero when the first release is older than the second; both are `major.minor.patch`. */
export function compareReleases(left: string, right: string): number {
  const [a, b] = [left, right].map((release) => release.split(".").map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (a![index] ?? 0) - (b![index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
