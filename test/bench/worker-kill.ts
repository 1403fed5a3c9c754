import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestHouse } from "../harness/test-house.ts";
import { quantiles, round } from "./quantiles.ts";

/** Calls the bench as the first thing that it does, and works until the bench says something or the worker dies. */
const STEP = (port: number) => `import socket

def handler(pd):
    with socket.create_connection(("127.0.0.1", ${port})) as bench:
        return bench.recv(1).decode()
`;

/** A worker that has lived for less is replaced after a pause, so that one that dies at once is not started in a circle. */
const WORKER_LIVES_MS = 11_000;
const AGAIN_MAX_MS = 60_000;

/** From `kill -9` of a worker until the step that it was in runs again, in ms. */
export interface WorkerKillFigures {
  readonly p50: number;
  readonly max: number;
  readonly kills: number;
}

/** Kills the worker under a running step, again and again. */
export async function measureWorkerKill(house: TestHouse, kills: number): Promise<WorkerKillFigures> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await house.deploy({
      ...{ name: "bench-kill", trigger: { http: {} }, settings: { stepTimeout: "5m" } },
      steps: { work: STEP((server.address() as AddressInfo).port) },
    });
    const times: number[] = [];
    for (let kill = 0; kill < kills; kill++) times.push(await timeKill(house, server));
    return { p50: quantiles(times).p50, max: round(Math.max(...times)), kills: times.length };
  } finally {
    server.close();
  }
}

async function timeKill(house: TestHouse, server: Server): Promise<number> {
  await sleep(WORKER_LIVES_MS);
  const worker = (await house.processes()).find(({ role }) => role === "worker");
  assert.ok(typeof worker?.pid === "number", "there is no worker");
  const first = nextStep(server);
  const run = house.run("bench-kill");
  await first;
  const again = nextStep(server);
  const startMs = performance.now();
  process.kill(worker.pid, "SIGKILL");
  const step = await again;
  const tookMs = performance.now() - startMs;
  step.end("x");
  const { state, failure } = await run;
  assert.equal(state, "SUCCEEDED", JSON.stringify(failure));
  return tookMs;
}

/** The next execution of the step, when its code runs. */
async function nextStep(server: Server): Promise<Socket> {
  const signal = AbortSignal.timeout(AGAIN_MAX_MS);
  const [socket] = (await once(server, "connection", { signal })) as [Socket];
  // Its environment dies with its worker.
  socket.on("error", () => undefined).resume();
  return socket;
}
