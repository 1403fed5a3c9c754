import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { connectBus } from "@millrace/bus";
import { startScratchNats } from "@millrace/testkit";
import type pg from "pg";
import { OPAQUE } from "./opaque.ts";
import { HttpConnection } from "./http-connection.ts";
import { BODY } from "./http-latency.ts";
import { quantiles, round, timeCalls } from "./quantiles.ts";

const here = import.meta.dirname;

/** Starts a process, and returns with the first line that it prints. Fails when it ends before that. */
export async function startChild(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ child: ChildProcess; line: string }> {
  const env = { ...process.env, ...environment };
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await orExit(child, once(child.stdout, "data"))) as [Buffer];
  return { child, line: line.toString().trim() };
}

/** What is awaited of a process; fails when it ends before that, and has said why by itself. */
export async function orExit<Result>(child: ChildProcess, awaited: Promise<Result>): Promise<Result> {
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`a process of the bench ended with code ${String(code)}`);
  });
  exited.catch(() => undefined);
  return Promise.race([awaited, exited]);
}

/** A bare Node HTTP echo in a process of its own. */
export async function measureHttpEcho(count: number): Promise<number> {
  const { child, line } = await startChild(process.execPath, [join(here, "floor-http.ts")]);
  const connection = await HttpConnection.open(`http://127.0.0.1:${line}/`, BODY);
  const times = await timeCalls(count, () => connection.post());
  connection.close();
  child.kill();
  return quantiles(times).p50;
}

/** A core-NATS request to another process and back. */
export async function measureNatsRequest(count: number): Promise<number> {
  const nats = await startScratchNats();
  const { url, user, password } = nats;
  const { child } = await startChild(process.execPath, [join(here, "floor-nats.ts"), url, user, password]);
  const bus = await connectBus({ url, user, password, name: "bench-ask" });
  const payload = new Uint8Array(512);
  const times = await timeCalls(count, () => bus.request("millrace.p.9999.submit", payload, { timeoutMs: 5000 }));
  await bus.drain();
  child.kill();
  await nats.stop();
  return quantiles(times).p50;
}

/** An open gRPC stream over a Unix socket to Python, which echoes what it is sent. */
export interface GrpcEcho {
  readonly call: ServerDuplexStream<Buffer, Buffer>;
  readonly child: ChildProcess;
  readonly close: () => Promise<void>;
}

/** Starts both sides, and returns when the first message has come. */
export async function openGrpcEcho(python: string): Promise<GrpcEcho> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-floor-"));
  const address = join(folder, "floor.sock");
  const server = new Server();
  const stream = new Promise<ServerDuplexStream<Buffer, Buffer>>((resolve) => {
    const method = { ...OPAQUE, path: "/floor.Floor/Echo", requestStream: true, responseStream: true };
    server.addService({ echo: method }, { echo: resolve });
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const child = spawn(python, [join(here, "floor_grpc.py"), address], { stdio: ["ignore", "inherit", "inherit"] });
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`the Python side of the gRPC floor ended with code ${String(code)}`);
  });
  const call = await Promise.race([stream, exited]);
  exited.catch(() => undefined);
  await once(call, "data");
  const close = async () => {
    child.kill();
    server.forceShutdown();
    await rm(folder, { recursive: true, force: true });
  };
  return { call, child, close };
}

/** One message from Node to Python and back on an open gRPC stream over a Unix socket. */
export async function measureGrpcExchange(python: string, count: number): Promise<number> {
  const { call, close } = await openGrpcEcho(python);
  const payload = Buffer.alloc(512);
  const times = await timeCalls(count, async () => {
    call.write(payload);
    await once(call, "data");
  });
  await close();
  return quantiles(times).p50;
}

/** A message through pipes from one Python process to another and back. */
export async function measurePipeExchange(python: string, count: number): Promise<number> {
  const { line } = await startChild(python, [join(here, "floor_pipe.py"), String(count)]);
  return round(Number(line));
}

/** A commit of one row alone, and rows per second in commits of 100. */
export async function measurePostgresCommits(db: pg.Client, count: number) {
  await db.query("CREATE TABLE bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)");
  const body = Buffer.alloc(512);
  const one = { name: "bench-one", text: "INSERT INTO bench_floor (body) VALUES ($1)", values: [body] };
  const single = await timeCalls(count, () => db.query(one));
  const bodies = Array.from({ length: 100 }, () => body);
  const many = {
    name: "bench-100",
    text: "INSERT INTO bench_floor (body) SELECT unnest($1::bytea[])",
    values: [bodies],
  };
  const groups = await timeCalls(count / 10, () => db.query(many));
  await db.query("DROP TABLE bench_floor");
  const groupMs = quantiles(groups).p50;
  return {
    commit_one_ms: quantiles(single).p50,
    rows_per_s_in_100s: Math.round(100_000 / groupMs),
    commit_100_ms: round(groupMs),
  };
}
