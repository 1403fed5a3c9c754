/** Scripts that run in the page itself: as texts, since tests know nothing of a browser's types. */

/** Begins to count frames in which a place in the middle of a list shows no row. */
export function watchFrames(list: string, row: string): string {
  return `(() => {
    const scroller = [...document.querySelectorAll(${JSON.stringify(list)})].at(-1);
    const seen = (globalThis.seenFrames = { frames: 0, blank: 0, stop: false });
    const look = () => {
      const { left, top, width, height } = scroller.getBoundingClientRect();
      const places = [0.25, 0.5, 0.75].map((part) => top + height * part).filter((y) => y > 0 && y < innerHeight);
      const covered = places.every(
        (y) => document.elementFromPoint(left + width / 2, y)?.closest(${JSON.stringify(row)}) != null,
      );
      seen.frames += 1;
      if (!covered) seen.blank += 1;
      if (!seen.stop) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })()`;
}

/** Ends the count and tells it. */
export const COUNTED_FRAMES = `(() => {
  globalThis.seenFrames.stop = true;
  return { frames: seenFrames.frames, blank: seenFrames.blank };
})()`;

/** Passes when the page has drawn twice. */
export const TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";

/** Begins to note how long the page stands still. */
export const WATCH_TASKS = `(() => {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
    entryTypes: ["longtask"],
  });
})()`;

/** The longest time that it did, in milliseconds. */
export const LONGEST_TASK = "Math.round(Math.max(0, ...longTasks))";
