import { randomUUID } from "node:crypto";
import type { EventEmitter } from "node:events";
import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import { PlatformError } from "@millrace/core";
import { REQUEST_ID_HEADER } from "./errors.ts";

/** Any call that a server gets here. */
export type AnyServerCall = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer"> & EventEmitter;

/** Reads a metadata value of the caller's. */
type ReadHeader = (name: string) => string | undefined;

/** What a handler knows about its call beside the message. */
export interface CallContext<Principal> {
  /** Who calls, as the server's `authenticate` found out. */
  readonly principal: Principal;
  /** In every log line and every error of this call. */
  readonly requestId: string;
  /** Such as `/millrace.api.v1.RunService/GetRun`. */
  readonly method: string;
  /** Aborted when the caller is gone or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly header: ReadHeader;
  /** What the caller has shown who it is by; whoever talks for long asks again whether that still holds. */
  readonly bearer: string | undefined;
  /** Address of the caller, or of the proxy in front of it; empty when unknown. */
  readonly peer: string;
}

/** What `authenticate` can look at. */
export interface CallCredentials {
  /** The token of `authorization: Bearer …`. */
  readonly bearer: string | undefined;
  readonly method: string;
  readonly header: ReadHeader;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** The caller's own request id when it is plain, else a new one. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The token of an `authorization: Bearer …` value. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

/** First text value of a metadata key. */
export function metadataText(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0];
  return typeof value === "string" ? value : value?.toString("utf8");
}

/**
 * One call from its beginning to its end, and its context at the same time. Hardly any caller leaves, and hardly any handler
 * asks whether one has: what tells them so is made when it is asked for.
 */
export class CallLife<Principal> implements CallContext<Principal>, CallCredentials {
  readonly requestId: string;
  readonly method: string;
  readonly header: ReadHeader;
  readonly #call: AnyServerCall;
  readonly #onOver: ((reason: PlatformError) => void) | undefined;
  #principal: Principal | undefined;
  #abort: AbortController | undefined;
  #over: PlatformError | undefined;
  #ended = false;

  /** @param onOver told when the caller is gone or the deadline has passed, unless the call has ended before */
  constructor(call: AnyServerCall, method: string, onOver?: (reason: PlatformError) => void) {
    this.#call = call;
    this.#onOver = onOver;
    this.method = method;
    this.header = (name) => metadataText(call.metadata, name);
    this.requestId = requestIdOf(this.header(REQUEST_ID_HEADER));
    // gRPC's library says so after every call; errors with their stacks are made only for calls that are under way.
    call.on("cancelled", () => {
      if (!this.#ended) this.#break(new PlatformError("Cancelled", "CALL_CANCELLED", "the caller is gone"));
    });
  }

  get bearer(): string | undefined {
    return bearerOf(this.header("authorization"));
  }

  get peer(): string {
    return this.#call.getPeer().replace(/^ipv[46]:|:\d+$/g, "");
  }

  get principal(): Principal {
    return this.#principal!;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#over !== undefined) this.#abort.abort(this.#over);
    }
    return this.#abort.signal;
  }

  /** The call's context, once it is known who calls. */
  context(principal: Principal): CallContext<Principal> {
    this.#principal = principal;
    return this;
  }

  /** Its own deadline has passed; gRPC sees to the caller's. */
  expire(deadlineMs: number): void {
    const message = `no answer within ${deadlineMs} ms`;
    if (!this.#ended) this.#break(new PlatformError("DeadlineExceeded", "DEADLINE_EXCEEDED", message));
  }

  /** The call is answered; false when it was over before, and has been answered with that. */
  end(): boolean {
    this.#ended = true;
    return this.#over === undefined;
  }

  #break(reason: PlatformError): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#abort?.abort(reason);
    this.#onOver?.(reason);
  }
}

/** Ends calls that take too long. All have as much time, so one timer does, for the one that has been there for longest. */
export class Deadlines {
  readonly #deadlineMs: number;
  readonly #calls = new Map<CallLife<never>, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  add(call: CallLife<never>): void {
    this.#calls.set(call, performance.now() + this.#deadlineMs);
    if (this.#timer === undefined) this.#wait(this.#deadlineMs);
  }

  delete(call: CallLife<never>): void {
    this.#calls.delete(call);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms);
    this.#timer.unref();
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const [call, dueMs] of this.#calls) {
      if (dueMs > nowMs) return this.#wait(Math.ceil(dueMs - nowMs));
      this.#calls.delete(call);
      call.expire(this.#deadlineMs);
    }
  }
}
