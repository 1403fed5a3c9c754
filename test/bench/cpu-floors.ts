import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, credentials } from "@grpc/grpc-js";
import { connectBus } from "@millrace/bus";
import { startScratchNats } from "@millrace/testkit";
import type pg from "pg";
import { openGrpcEcho, orExit, startChild } from "./floors.ts";
import { cpuOfTree } from "./process-usage.ts";
import { timeConcurrently } from "./quantiles.ts";
import { OPAQUE } from "./opaque.ts";

const here = import.meta.dirname;
const SUBMIT_BYTES = 200;
const MESSAGE_BYTES = 512;
const NEWLINE = 10;
/** As many submits as the bench has under way, and as many runs as a runner executes at a time. */
const CALLERS = 128;
const SLOTS = 16;
/** As many runs as share a commit under load, their accepts and their ends counted apart. */
const RUNS_OF_A_COMMIT = 7;

/** What a part that we take costs by itself, for something that every one-step run needs once at least. */
export interface CpuFloor {
  readonly part: string;
  /** µs of CPU for one, by the process that spends them. */
  readonly us: Readonly<Record<string, number>>;
}

type Watched = Readonly<Record<string, number>>;

/** CPU of this process (`us`) and of others by pid, for each of so many calls; a tenth of them before that as warm-up. */
async function spend(
  count: number,
  callers: number,
  own: string,
  others: Watched,
  call: () => Promise<unknown>,
): Promise<Record<string, number>> {
  await timeConcurrently(count / 10, callers, call);
  const before = Object.entries(others).map(([name, pid]) => [name, pid, cpuOfTree(pid)] as const);
  const ownBefore = process.cpuUsage();
  await timeConcurrently(count, callers, call);
  const { user, system } = process.cpuUsage(ownBefore);
  const spent = before.map(([name, pid, cpu]) => [name, ((cpuOfTree(pid) - cpu) * 1e6) / count] as const);
  return Object.fromEntries(
    [[own, (user + system) / count] as const, ...spent].map(([name, us]) => [name, Math.round(us)]),
  );
}

async function ofGrpcCall(count: number): Promise<CpuFloor> {
  const { child, line } = await startChild(process.execPath, [join(here, "floor-grpc-server.ts")]);
  const client = new Client(`127.0.0.1:${line}`, credentials.createInsecure());
  const payload = Buffer.alloc(SUBMIT_BYTES);
  const { requestSerialize, responseDeserialize } = OPAQUE;
  const call = () =>
    new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest("/floor.Floor/Unary", requestSerialize, responseDeserialize, payload, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  const us = await spend(count, CALLERS, "client", { server: child.pid! }, call);
  client.close();
  child.kill();
  return { part: `a unary gRPC call, ${CALLERS} under way (grpc-js)`, us };
}

async function ofGrpcStream(count: number): Promise<CpuFloor> {
  const { child, line } = await startChild(process.execPath, [join(here, "floor-grpc-server.ts")]);
  const client = new Client(`127.0.0.1:${line}`, credentials.createInsecure());
  const { requestSerialize, responseDeserialize } = OPAQUE;
  const stream = client.makeBidiStreamRequest("/floor.Floor/Stream", requestSerialize, responseDeserialize);
  const us = await spend(count, CALLERS, "client", { server: child.pid! }, asker(stream, Buffer.alloc(SUBMIT_BYTES)));
  stream.end();
  await once(stream, "end");
  client.close();
  child.kill();
  return { part: `a message and its answer on one gRPC stream, ${CALLERS} under way (grpc-js)`, us };
}

/** What gives back each message that is written to it. */
interface Echo {
  on(event: "data", listener: () => void): unknown;
  write(message: Buffer): unknown;
}

/** Each call writes the message, and is over with the answer that has its place. */
function asker(stream: Echo, message: Buffer): () => Promise<void> {
  const waiting: (() => void)[] = [];
  stream.on("data", () => waiting.shift()?.());
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      stream.write(message);
    });
}

async function ofNatsRequest(count: number): Promise<CpuFloor> {
  const nats = await startScratchNats();
  const { url, user, password } = nats;
  const { child } = await startChild(process.execPath, [join(here, "floor-nats.ts"), url, user, password]);
  const bus = await connectBus({ url, user, password, name: "bench-ask" });
  const payload = new Uint8Array(MESSAGE_BYTES);
  const call = () => bus.request("millrace.p.9999.submit", payload, { timeoutMs: 5000 });
  const us = await spend(count, SLOTS, "asks", { nats: nats.pid, answers: child.pid! }, call);
  await bus.drain();
  child.kill();
  await nats.stop();
  return { part: `a NATS message and its answer, ${SLOTS} under way`, us };
}

async function ofGrpcExchange(python: string, count: number): Promise<CpuFloor> {
  const echo = await openGrpcEcho(python);
  const payload = Buffer.alloc(MESSAGE_BYTES);
  const us = await spend(count, SLOTS, "node", { python: echo.child.pid! }, asker(echo.call, payload));
  await echo.close();
  return { part: `a message each way on an open gRPC stream, ${SLOTS} under way (grpc-js, grpcio)`, us };
}

async function ofStep(python: string, count: number): Promise<CpuFloor> {
  const child = spawn(python, [join(here, "floor_step.py"), String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [asks = 0, works = 0] = line.toString().trim().split(" ").map(Number);
  return {
    part: "JSON through a pipe to Python, a function called with it, JSON back",
    us: { asks: Math.round(asks), works: Math.round(works) },
  };
}

async function ofWorker(python: string, count: number): Promise<CpuFloor> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-floor-"));
  const address = join(folder, "worker.sock");
  const server = createServer().listen(address);
  await once(server, "listening");
  const child = spawn(python, [join(here, "floor_worker.py"), address], { stdio: ["ignore", "pipe", "inherit"] });
  const [connection] = (await orExit(child, once(server, "connection"))) as [Socket];
  const waiting: (() => void)[] = [];
  connection.on("data", (data: Buffer) => {
    for (const byte of data) if (byte === NEWLINE) waiting.shift()?.();
  });
  const line = `${JSON.stringify({ name: "Bulbasaur", digest: "0".repeat(64) })}\n`;
  await timeConcurrently(count, SLOTS, () => {
    connection.write(line);
    return new Promise<void>((resolve) => waiting.push(resolve));
  });
  connection.end();
  const [told] = (await once(child.stdout, "data")) as [Buffer];
  server.close();
  await rm(folder, { recursive: true, force: true });
  const [between = 0, works = 0] = told.toString().trim().split(" ").map(Number);
  return {
    part: `a line through an asyncio program to one of two processes and back, ${SLOTS} under way`,
    us: { worker: Math.round(between / count), environments: Math.round(works / count) },
  };
}

/** The narrowest record there can be: a row that appears, and moves into history; no fence, no index but the key, no step. */
async function ofCommit(db: pg.Client, postgresPid: number, count: number): Promise<CpuFloor> {
  await db.query("CREATE TABLE bench_hot (id uuid PRIMARY KEY, body bytea)");
  await db.query("CREATE TABLE bench_past (id uuid PRIMARY KEY, body bytea)");
  const body = Buffer.alloc(MESSAGE_BYTES);
  let last: string[] = [];
  const commit = async () => {
    const next = Array.from({ length: RUNS_OF_A_COMMIT }, () => randomUUID());
    await db.query({
      name: "bench-commit",
      text: `WITH accepted AS (INSERT INTO bench_hot SELECT id, $2 FROM unnest($1::uuid[]) id),
        ended AS (DELETE FROM bench_hot WHERE id = ANY ($3::uuid[]) RETURNING *)
        INSERT INTO bench_past SELECT * FROM ended`,
      values: [next, body, last],
    });
    last = next;
  };
  const commits = await spend(count / RUNS_OF_A_COMMIT, 1, "client", { postgres: postgresPid }, commit);
  await db.query("DROP TABLE bench_hot, bench_past");
  const us = Object.fromEntries(
    Object.entries(commits).map(([name, cpu]) => [name, Math.round(cpu / RUNS_OF_A_COMMIT)]),
  );
  return { part: `a row that is inserted and moved, ${RUNS_OF_A_COMMIT} of both to a commit (Postgres, pg)`, us };
}

/** What the parts that we take cost for a one-step run, each by itself, with nothing of ours between them. */
export async function measureCpuFloors(
  db: pg.Client,
  postgresPid: number,
  python: string,
  count: number,
): Promise<CpuFloor[]> {
  return [
    await ofGrpcCall(count),
    await ofGrpcStream(count),
    await ofCommit(db, postgresPid, count),
    await ofNatsRequest(count),
    await ofGrpcExchange(python, count),
    await ofStep(python, count),
    await ofWorker(python, count),
  ];
}

/** The floors. A run is handed in by one of the first two, and its step is in both of the last: they are not to be added up. */
export function renderCpuFloors(floors: readonly CpuFloor[]): string {
  const rows = floors.map(({ part, us }) => {
    const all = Object.values(us).reduce((sum, one) => sum + one, 0);
    const parts = Object.entries(us).map(([name, one]) => `${name} ${one}`);
    return [part, all, parts.join(", ")].join("\t");
  });
  return ["CPU of the parts alone, for one run\tµs\tby process", ...rows, ""].join("\n");
}
