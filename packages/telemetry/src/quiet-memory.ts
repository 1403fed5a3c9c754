import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { events } from "./events.ts";
import type { Logger } from "./logger.ts";

/** A process that uses less of a core than this has nothing to do. */
const QUIET_SHARE = 0.05;
/** Looks in a row that must find it so. */
const QUIET_LOOKS = 2;
/** What the heap must have grown by since the last time: a few requests now and then are no reason to stop everything. */
const GROWN_BYTES = 8 * 1024 * 1024;

type Collect = (options: { type: "major"; flavor: "last-resort" }) => void;

/**
 * Gives memory back to the machine once a process has had nothing to do for a while: what its start, or a burst of work, has left.
 * V8 by itself keeps a third of its heap as holes. It stops the process for some 100 ms, which is why nobody does it under load,
 * nor again before the heap has grown. `afterMs` 0 never does. Returns what ends it.
 */
export function giveMemoryBackWhenQuiet(afterMs: number, log: Logger): () => void {
  if (afterMs === 0) return () => {};
  const everyMs = afterMs / QUIET_LOOKS;
  let quiet = 0;
  let settledBytes = 0;
  let before = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    quiet = (user + system) / 1000 < everyMs * QUIET_SHARE ? quiet + 1 : 0;
    const heapBytes = getHeapStatistics().total_heap_size;
    if (quiet < QUIET_LOOKS || heapBytes < settledBytes + GROWN_BYTES) return;
    quiet = 0;
    const beganMs = performance.now();
    collector()({ type: "major", flavor: "last-resort" });
    settledBytes = getHeapStatistics().total_heap_size;
    const tookMs = Math.round(performance.now() - beganMs);
    log.debug(events.memoryGivenBack, { bytes: heapBytes - settledBytes, tookMs });
  }, everyMs).unref();
  return () => clearInterval(timer);
}

let known: Collect | undefined;

/** V8's own, which it shows only to contexts that are made while the flag is on. */
function collector(): Collect {
  if (known === undefined) {
    setFlagsFromString("--expose-gc");
    known = runInNewContext("gc") as Collect;
    setFlagsFromString("--no-expose-gc");
  }
  return known;
}
