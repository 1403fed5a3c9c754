const beatMs = 5_000;
const startedAt = performance.now();

/** Prints one line of progress on stderr, with the seconds since the start. */
export function say(text) {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
  process.stderr.write(`[${seconds} s] ${text}\n`);
}

/**
 * Says that a part of the work begins, every few seconds that it goes on, and when it is done.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(what, work) {
  const begun = performance.now();
  const elapsed = () => `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
  say(`${what} …`);
  const beat = setInterval(() => say(`${what}: still at it after ${elapsed()}`), beatMs);
  try {
    const result = await work();
    say(`${what}: done in ${elapsed()}`);
    return result;
  } finally {
    clearInterval(beat);
  }
}
