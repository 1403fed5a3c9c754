import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const MODULE = new URL("./index.ts", import.meta.url).href;

/** A process whose start leaves 64 MiB of garbage in the old generation; prints how large its heap is before and after it was quiet. */
const source = `
  import { getHeapStatistics } from "node:v8";
  import { createLogger, giveMemoryBackWhenQuiet } from ${JSON.stringify(MODULE)};
  let left = Array.from({ length: 2_000_000 }, (_, n) => ({ n }));
  const size = () => getHeapStatistics().total_heap_size / 1024 ** 2;
  const before = size();
  let times = 0;
  const write = (line) => { if (line.includes("memory.given_back")) times++; };
  giveMemoryBackWhenQuiet(Number(process.argv[1]), createLogger({ level: "debug", write }));
  left = undefined;
  setTimeout(() => console.log(JSON.stringify({ before, after: size(), times })), 1500);`;

async function run(afterMs: number): Promise<{ before: number; after: number; times: number }> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source, String(afterMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(await text(child.stdout)) as { before: number; after: number; times: number };
}

test("a process that has nothing to do gives back what its start has left, once", async () => {
  const { before, after, times } = await run(300);
  assert.ok(after < before / 4, `${before} MiB became ${after} MiB`);
  assert.equal(times, 1);
});

test("unless it is told not to", async () => {
  assert.equal((await run(0)).times, 0);
});
