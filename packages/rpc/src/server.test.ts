import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Client, Metadata, credentials, status as GrpcStatus, type ServiceError } from "@grpc/grpc-js";
import { PlatformError } from "@millrace/core";
import { session } from "@millrace/protocol";
import {
  createGrpcClient,
  createGrpcServer,
  implement,
  listenUnix,
  type CallContext,
  type GrpcServer,
  type ServiceBinding,
} from "./index.ts";

const hello = (workerId: string, pid = 1): session.Hello => ({ protocolVersion: 1, workerId, pid, pythonMinor: "" });
const codec = {
  requestSerialize: (value: session.Hello) => Buffer.from(session.Hello.encode(value).finish()),
  requestDeserialize: (data: Buffer) => {
    decoded++;
    return session.Hello.decode(data);
  },
  responseSerialize: (value: session.Hello) => Buffer.from(session.Hello.encode(value).finish()),
  responseDeserialize: (data: Buffer) => session.Hello.decode(data),
};
const definition = {
  echo: { path: "/test.Echo/Echo", requestStream: false, responseStream: false, ...codec },
  count: { path: "/test.Echo/Count", requestStream: false, responseStream: true, ...codec },
  gather: { path: "/test.Echo/Gather", requestStream: true, responseStream: false, ...codec },
  chat: { path: "/test.Echo/Chat", requestStream: true, responseStream: true, ...codec },
} as const;

const logged: Record<string, unknown>[] = [];
let written = 0;
let endedEarly = 0;
let decoded = 0;
let gathered = 0;
let aheadMax = 0;
let finished = 0;

async function echo(request: session.Hello, context: CallContext<string>): Promise<session.Hello> {
  if (request.workerId === "bug") throw new TypeError("an insider's text");
  if (request.workerId === "missing")
    throw new PlatformError("NotFound", "ECHO_MISSING", "no such echo", { metadata: { echo: "1" } });
  if (request.workerId === "wait") await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  return hello(`${request.workerId} for ${context.principal}`);
}

async function* count(request: session.Hello): AsyncGenerator<session.Hello> {
  try {
    for (let i = 0; i < request.pid; i++) {
      written = i;
      yield hello("x".repeat(1_000), i);
    }
  } finally {
    if (written < request.pid - 1) endedEarly++;
  }
  if (request.workerId === "fail") throw new PlatformError("Conflict", "COUNT_LOST", "the count was lost");
}

async function gather(requests: AsyncIterable<session.Hello>): Promise<session.Hello> {
  let bytes = 0;
  try {
    for await (const { workerId } of requests) {
      bytes += workerId.length;
      gathered++;
      for (let before = -1; before < decoded && workerId.startsWith("slow");) {
        before = decoded;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      aheadMax = Math.max(aheadMax, decoded - gathered);
      if (workerId === "enough") throw new PlatformError("InvalidArgument", "GATHERED_ENOUGH", "no more of this");
    }
  } finally {
    finished++;
  }
  return hello("all", bytes);
}

const service: ServiceBinding<string> = implement(definition, {
  echo,
  count,
  gather,
  chat: (call) => {
    call.on("data", (message: session.Hello) => call.write(message));
    call.on("end", () => call.end());
  },
});

let server: GrpcServer;
let address: string;
const open: { close(): void }[] = [];

function clientOf(token: string | undefined = "token") {
  const client = createGrpcClient(definition, { address, token });
  open.push(client);
  return client;
}

before(async () => {
  server = createGrpcServer<string>({
    services: [service],
    authenticate: ({ bearer }) => {
      if (bearer !== "token") throw new PlatformError("Unauthenticated", "API_KEY_INVALID", "no such key");
      return "alice";
    },
    log: { warn: () => {}, error: (event, fields) => void logged.push({ event, ...fields }) },
    reflection: true,
    health: true,
    limits: { unaryDeadlineMs: 300, messageBytesMax: 100_000 },
  });
  address = `127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  server.setServing(true);
});

after(async () => {
  for (const client of open) client.close();
  await server.drain(1_000);
});

describe("what a client streams", () => {
  async function* repeated(text: string, count: number): AsyncGenerator<session.Hello> {
    for (let i = 0; i < count; i++) yield hello(text);
  }

  test("arrives whole, however much it is, and is answered once", async () => {
    const answer = await clientOf().gather(repeated("x".repeat(50_000), 200));
    assert.deepEqual([answer.workerId, answer.pid], ["all", 10_000_000]);
    assert.equal((await clientOf().gather(repeated("", 0))).pid, 0);
  });

  test("is not read far ahead of who takes it, however large its messages are", async () => {
    [decoded, gathered, aheadMax] = [0, 0, 0];
    await clientOf().gather(repeated("slow".repeat(10_000), 40));
    assert.ok(aheadMax <= 2, `${aheadMax} messages ahead`);
  });

  test("is refused before its end, and the client stops sending", async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<session.Hello> {
      yield hello("enough");
      for (;;) {
        sent++;
        yield hello("x".repeat(50_000));
      }
    }
    await assert.rejects(clientOf().gather(endless()), { kind: "InvalidArgument", reason: "GATHERED_ENOUGH" });
    assert.ok(sent > 0);
    await assert.rejects(clientOf("wrong").gather(endless()), { kind: "Unauthenticated" });
  });

  test("ends for the server when the client fails or leaves", async () => {
    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const start = finished;
    async function* arriving(then: () => Promise<void>): AsyncGenerator<session.Hello> {
      const before = gathered;
      yield hello("x");
      await until(() => gathered > before);
      await then();
    }
    const lost = new PlatformError("Unavailable", "DISK_GONE", "cannot read on");
    await assert.rejects(clientOf().gather(arriving(() => Promise.reject(lost))), { reason: "DISK_GONE" });
    const leaving = new AbortController();
    const silent = arriving(async () => {
      leaving.abort();
      await until(() => finished === start + 2);
    });
    await assert.rejects(clientOf().gather(silent, { signal: leaving.signal }), { kind: "Cancelled" });
    await until(() => finished === start + 2);
  });
});

describe("a gRPC server", () => {
  test("answers those whom it knows, and nobody else", async () => {
    assert.equal((await clientOf().echo(hello("hi"))).workerId, "hi for alice");
    await assert.rejects(clientOf("wrong").echo(hello("hi")), { kind: "Unauthenticated", reason: "API_KEY_INVALID" });
    const stream = clientOf("wrong").count(hello("hi"))[Symbol.asyncIterator]();
    await assert.rejects(stream.next(), { kind: "Unauthenticated" });
  });

  test("hands its errors to the caller, and its insides to the log under the request id", async () => {
    await assert.rejects(clientOf().echo(hello("missing")), {
      kind: "NotFound",
      reason: "ECHO_MISSING",
      message: "no such echo",
    });
    const failure = await clientOf()
      .echo(hello("bug"), { headers: { "x-request-id": "my-own-id" } })
      .catch((thrown: unknown) => thrown);
    assert.ok(failure instanceof PlatformError && failure.kind === "Internal");
    assert.ok(!failure.message.includes("insider") && failure.message.includes("my-own-id"));
    assert.equal(logged.at(-1)?.["requestId"], "my-own-id");
    assert.match(String(logged.at(-1)?.["error"]), /an insider's text/);
  });

  test("ends a call that takes too long, whoever set the deadline", async () => {
    await assert.rejects(clientOf().echo(hello("wait")), { kind: "DeadlineExceeded" });
    await assert.rejects(clientOf().echo(hello("wait"), { deadlineMs: 50 }), { kind: "DeadlineExceeded" });
    const gone = clientOf().echo(hello("wait"), { signal: AbortSignal.timeout(20) });
    await assert.rejects(gone, { kind: "Cancelled" });
  });

  test("blames the caller for bytes that are no message", async () => {
    const raw = new Client(address, credentials.createInsecure());
    open.push(raw);
    const identity = (value: Buffer): Buffer => value;
    const send = (metadata: Metadata): Promise<ServiceError | null> =>
      new Promise((resolve) => {
        raw.makeUnaryRequest("/test.Echo/Echo", identity, identity, Buffer.from([0xff, 0xff]), metadata, (error) =>
          resolve(error),
        );
      });
    assert.equal((await send(new Metadata()))?.code, GrpcStatus.UNAUTHENTICATED);
    const known = new Metadata();
    known.set("authorization", "Bearer token");
    const failure = await send(known);
    assert.equal(failure?.code, GrpcStatus.INVALID_ARGUMENT);
    assert.equal(failure?.details, "the message is not one of this method's");
  });

  test("refuses messages beyond its bound", async () => {
    await assert.rejects(clientOf().echo(hello("x".repeat(100_001))), { kind: "ResourceExhausted" });
  });

  test("streams as fast as the reader reads, and stops when it leaves", async () => {
    let read = 0;
    for await (const message of clientOf().count(hello("", 100_000))) {
      assert.equal(message.pid, read++);
      if (read === 10) break;
    }
    while (endedEarly === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(written < 50_000, `${written} messages were made for a reader of ten`);
  });

  test("ends a stream with the error that it threw", async () => {
    const got: number[] = [];
    const reading = (async () => {
      for await (const { pid } of clientOf().count(hello("fail", 2))) got.push(pid);
    })();
    await assert.rejects(reading, { kind: "Conflict", reason: "COUNT_LOST" });
    assert.deepEqual(got, [0, 1]);
  });

  test("leaves a stream in both directions to its handler", async () => {
    const call = clientOf().chat();
    call.write(hello("one"));
    call.end();
    const got: string[] = [];
    for await (const message of call) got.push((message as session.Hello).workerId);
    assert.deepEqual(got, ["one"]);
  });

  test("names the port that is taken", async () => {
    const other = createGrpcServer<string>({
      services: [],
      authenticate: () => "",
      log: { warn: () => {}, error: () => {} },
    });
    const port = Number(address.split(":")[1]);
    await assert.rejects(other.listen("127.0.0.1", port), { reason: "PORT_TAKEN", metadata: { address } });
    await other.drain(100);
  });

  test("listens on a socket that only its user reaches", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-rpc-"));
    const path = join(folder, "private", "worker.sock");
    const local = createGrpcServer<string>({
      services: [service],
      authenticate: () => "bob",
      log: { warn: () => {}, error: () => {} },
    });
    await listenUnix(local, path);
    assert.equal(statSync(join(folder, "private")).mode & 0o777, 0o700);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const client = createGrpcClient(definition, { address: `unix:${path}` });
    assert.equal((await client.echo(hello("hi"))).workerId, "hi for bob");
    client.close();
    await local.drain(1_000);
    await assert.rejects(listenUnix(local, `/tmp/${"x".repeat(120)}`), { reason: "SOCKET_PATH_TOO_LONG" });
    rmSync(folder, { recursive: true });
  });
});
