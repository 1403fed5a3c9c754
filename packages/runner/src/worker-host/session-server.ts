import { createHash, timingSafeEqual } from "node:crypto";
import { chmod, rm } from "node:fs/promises";

import { type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import { PlatformError } from "@millrace/core";
import * as session from "@millrace/protocol/session";

import { makeSocketFolder } from "./socket-folder.ts";
import { PROTOCOL_VERSION } from "./worker-session.ts";

type Call = ServerDuplexStream<session.SessionRequest, session.SessionResponse>;

/** A worker's stream whose token and hello were right. */
export interface OpenStream {
  readonly hello: session.Hello;
  write(message: session.SessionResponse): boolean;
  /** Ends the stream; the worker kills what it holds and exits. */
  end(): void;
}

/** What happens on an open stream. */
export interface StreamHandlers {
  onFrames(frames: readonly session.WorkerFrame[]): void;
  onDrain(): void;
  /** Called once, however the stream ends. */
  onEnd(): void;
}

/** Who may open a session, and what becomes of it. */
export interface SessionServerOptions {
  /** The socket is made in it, or in a temporary folder when its path is too long for that. */
  readonly dataFolder: string;
  /** How long a stream may stay silent before its hello. */
  readonly helloTimeoutMs: number;
  /** A worker that answers no ping for this long is taken for dead. */
  readonly keepaliveMs: number;
  /** Takes a token; returns the worker's name when it is right, and never again for the same token. */
  admit(matches: (token: string) => boolean): string | undefined;
  onOpen(workerId: string, stream: OpenStream): StreamHandlers;
}

/** A run's payloads are bounded by themselves; both ends are ours. */
const MESSAGE_BYTES_MAX = 512 * 1024 * 1024;

/** The generated definition, but without its copy of every message sent. */
const SESSION_SERVICE = {
  session: {
    ...session.WorkerSessionServiceService.session,
    responseSerialize(value: session.SessionResponse): Buffer {
      const bytes = session.SessionResponse.encode(value).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
  },
};

/** Serves worker sessions on a Unix socket in a folder that only this user can enter. */
export class SessionServer {
  readonly socketPath: string;
  readonly #folder: string;
  readonly #server: Server;

  private constructor(folder: string, socketPath: string, server: Server) {
    this.#folder = folder;
    this.socketPath = socketPath;
    this.#server = server;
  }

  static async open(options: SessionServerOptions): Promise<SessionServer> {
    const { folder, socketPath } = await makeSocketFolder(options.dataFolder);
    const server = new Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
      "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
      "grpc.keepalive_time_ms": options.keepaliveMs,
      "grpc.keepalive_timeout_ms": options.keepaliveMs,
    });
    server.addService(SESSION_SERVICE, { session: (call: Call) => serveSession(call, options) });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    await chmod(socketPath, 0o600);
    return new SessionServer(folder, socketPath, server);
  }

  /** Ends every stream and removes the socket. */
  async close(): Promise<void> {
    this.#server.forceShutdown();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function serveSession(call: Call, options: SessionServerOptions): void {
  const presented = tokenDigest(bearerToken(call.metadata) ?? "");
  const workerId = options.admit((token) => timingSafeEqual(tokenDigest(token), presented));
  if (workerId === undefined) {
    refuse(
      call,
      status.UNAUTHENTICATED,
      new PlatformError("Unauthenticated", "WRONG_WORKER_TOKEN", "the worker token is wrong"),
    );
    return;
  }
  let handlers: StreamHandlers | undefined;
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(helloTimer);
    handlers?.onEnd();
  };
  const helloTimer = setTimeout(() => call.destroy(), options.helloTimeoutMs);
  call.on("data", (message: session.SessionRequest) => {
    if (handlers !== undefined) return handlers.onFrames(message.frames);
    const [first, ...others] = message.frames;
    const problem = helloProblem(first, workerId);
    if (problem !== undefined || first?.frame?.$case !== "hello")
      return refuse(call, status.FAILED_PRECONDITION, problem!);
    clearTimeout(helloTimer);
    handlers = options.onOpen(workerId, openStream(call, first.frame.value));
    handlers.onFrames(others);
  });
  call.on("drain", () => handlers?.onDrain());
  for (const event of ["end", "close", "cancelled", "error"] as const) call.on(event, end);
}

function openStream(call: Call, hello: session.Hello): OpenStream {
  return {
    hello,
    write: (message) => call.write(message),
    end: () => {
      call.end();
    },
  };
}

function helloProblem(first: session.WorkerFrame | undefined, workerId: string): PlatformError | undefined {
  if (first?.frame?.$case !== "hello") {
    return new PlatformError("FailedPrecondition", "HELLO_EXPECTED", "the first frame of a session must be Hello");
  }
  const hello = first.frame.value;
  if (hello.protocolVersion !== PROTOCOL_VERSION) {
    const message = `the worker speaks version ${hello.protocolVersion} of the contract, the runner ${PROTOCOL_VERSION}`;
    return new PlatformError("FailedPrecondition", "PROTOCOL_VERSION_UNSUPPORTED", message);
  }
  if (hello.workerId !== workerId) {
    return new PlatformError("FailedPrecondition", "WRONG_WORKER_ID", `the token belongs to worker ${workerId}`);
  }
  return undefined;
}

function refuse(call: Call, code: status, error: PlatformError): void {
  call.emit("error", { code, details: `${error.reason}: ${error.message}` });
}

function bearerToken(metadata: Metadata): string | undefined {
  const value = metadata.get("authorization")[0];
  return typeof value === "string" && value.startsWith("Bearer ") ? value.slice("Bearer ".length) : undefined;
}

/** Digests have one length, so comparing them tells nothing about where two tokens differ. */
function tokenDigest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
