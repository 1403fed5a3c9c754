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

/** A call's abort signal: the caller has cancelled, or the server's own deadline has passed. gRPC sees to the caller's. */
export class CallLife {
  readonly requestId: string;
  readonly method: string;
  readonly credentials: CallCredentials;
  readonly #peer: () => string;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(call: AnyServerCall, method: string, deadlineMs: number | undefined) {
    const header = (name: string): string | undefined => metadataText(call.metadata, name);
    this.method = method;
    this.requestId = requestIdOf(header(REQUEST_ID_HEADER));
    this.#peer = () => call.getPeer().replace(/^ipv[46]:|:\d+$/g, "");
    this.credentials = { bearer: bearerOf(header("authorization")), method, header };
    // gRPC's library says so after every call; errors with their stacks are made only for calls that are under way.
    call.on("cancelled", () => {
      if (!this.#ended) this.#abort.abort(new PlatformError("Cancelled", "CALL_CANCELLED", "the caller is gone"));
    });
    if (deadlineMs === undefined) return;
    this.#timer = setTimeout(() => {
      const message = `no answer within ${deadlineMs} ms`;
      this.#abort.abort(new PlatformError("DeadlineExceeded", "DEADLINE_EXCEEDED", message));
    }, deadlineMs);
    this.#timer.unref();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  context<Principal>(principal: Principal): CallContext<Principal> {
    const { requestId, method, signal, credentials } = this;
    return { principal, requestId, method, signal, header: credentials.header, peer: this.#peer() };
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}
