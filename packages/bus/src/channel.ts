import { PlatformError, coerceError, type ErrorKind } from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { Bus, BusHeaders, BusSubscription, MessageMeta } from "./bus.ts";
import { runnerOf } from "./subjects.ts";

/** What the generated code offers for each message. */
export interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(data: Uint8Array): Message;
}

/** Handles one decoded message; what it throws is logged with the message's kind. */
export type ChannelHandler<Message> = (message: Message, meta: ChannelMeta) => void | Promise<void>;

/** What is known about a decoded message. */
export interface ChannelMeta extends MessageMeta {
  /** Name of the runner that sent it, as NATS has checked it; empty when no runner did. */
  readonly runner: string;
}

/** Where a message goes, and where its receivers listen. */
export interface Address<Message> {
  /** The sender's own; absent where it has no right to send. */
  readonly send: string | undefined;
  readonly listen: string;
  /** For what runners send: whether the message says of its sender what its subject says. */
  readonly isOwn?: ((message: Message, subject: string) => boolean) | undefined;
  /** Whether a message answers one that its receiver has sent just now. */
  readonly isAnswer?: (message: Message) => boolean;
  /** For what one process alone receives: bytes of users' data in a message. What is small goes the short way, where there is one. */
  readonly bulk?: (message: Message) => number;
}

/** What goes the short way at most: beyond it a message is encoded, and its size checked, wherever it goes. */
const SHORT_BYTES_MAX = 1024 * 1024;

/** One kind of message to one address. */
export interface Channel<Message> {
  /** Sends and forgets: false when it is lost already. Throws only `PAYLOAD_TOO_LARGE`. */
  send(message: Message, headers?: BusHeaders): boolean;
  /**
   * Receives from now on, over lost connections too. `isMeant` says for what comes from within the process whether it is for this
   * receiver now.
   */
  listen(handler: ChannelHandler<Message>, isMeant?: () => boolean): BusSubscription;
}

/** One kind of request that any member of a group answers, or one process alone. */
export interface Service<Request, Response> {
  /** Asks one member. Its refusal comes back as the `PlatformError` that it threw, without its cause. */
  request(request: Request, options: { timeoutMs: number }): Promise<Response>;
  /** Answers as one member of the group. */
  serve(handler: (request: Request, meta: ChannelMeta) => Promise<Response> | Response): BusSubscription;
}

/** One kind of message to one address. */
export function channel<Message>(
  bus: Bus,
  kind: string,
  codec: Codec<Message>,
  { send, listen, isOwn, isAnswer, bulk }: Address<Message>,
): Channel<Message> {
  return {
    send: (message, headers) => {
      const subject = sendable(kind, send);
      const isSmall = bulk !== undefined && bulk(message) <= SHORT_BYTES_MAX;
      if (isSmall && bus.sendShort(subject, message, headers)) return true;
      return bus.publish(subject, codec.encode(message).finish(), headers);
    },
    listen: (handler, isMeant = () => true) => {
      const subscription = bus.subscribe(listen, (data, meta) => {
        const message = decode(bus, kind, codec, data);
        if (message === undefined) return;
        if (isOwn?.(message, meta.subject) === false) return bus.countForged(kind, meta.subject);
        if (isAnswer?.(message) === true) bus.noteAnswer();
        return guarded(bus, kind, () => handler(message, { ...meta, runner: senderOf(isOwn, meta.subject) }));
      });
      if (bulk === undefined) return subscription;
      const receive = (message: unknown, headers: BusHeaders | undefined): void => {
        const meta = { subject: listen, reply: undefined, headers, runner: "" };
        void guarded(bus, kind, () => handler(message as Message, meta));
      };
      const stopShort = bus.listenShort(listen, { isMeant, receive });
      return {
        unsubscribe: () => {
          stopShort();
          subscription.unsubscribe();
        },
      };
    },
  };
}

function senderOf(isOwn: unknown, subject: string): string {
  return isOwn === undefined ? "" : runnerOf(subject);
}

function sendable(kind: string, subject: string | undefined): string {
  if (subject !== undefined) return subject;
  throw new PlatformError("Internal", "NOT_A_RUNNER", `only runners send ${kind}`);
}

/** Bytes that are no message of this kind are counted and dropped: a resend of the same bytes would not be one either. */
export function decode<Message>(bus: Bus, kind: string, codec: Codec<Message>, data: Uint8Array): Message | undefined {
  try {
    return codec.decode(data);
  } catch (thrown) {
    bus.counters.undecodable++;
    bus.log.warn("message.undecodable", { kind, bytes: data.length, error: thrown });
    return undefined;
  }
}

/** Runs a handler; what it throws is logged with the message's kind. */
export function guarded(bus: Bus, kind: string, handle: () => void | Promise<void>): void | Promise<void> {
  const failed = (thrown: unknown): void => {
    bus.counters.handlerErrors++;
    bus.log.error("message.handler_failed", { kind, error: thrown });
  };
  try {
    const pending = handle();
    return pending instanceof Promise ? pending.catch(failed) : undefined;
  } catch (thrown) {
    failed(thrown);
  }
}

/** One kind of request to one address; with `queue`, one member of the group answers. */
export function service<Request, Response extends { error?: control.ControlError | undefined }>(
  bus: Bus,
  kind: string,
  { send, listen, queue, byRunner = false }: ServiceAddress,
  requests: Codec<Request>,
  responses: Codec<Response>,
): Service<Request, Response> {
  return {
    async request(request, options) {
      const data = await bus.request(sendable(kind, send), requests.encode(request).finish(), options);
      const response = decode(bus, kind, responses, data);
      if (response === undefined)
        throw new PlatformError("Internal", "BUS_UNDECODABLE", `the answer to ${kind} cannot be read`);
      if (response.error !== undefined) throw thrownThere(response.error);
      return response;
    },
    serve: (handler) =>
      bus.subscribe(
        listen,
        async (data, meta) => {
          const request = decode(bus, kind, requests, data);
          if (request === undefined) return;
          const from = { ...meta, runner: byRunner ? runnerOf(meta.subject) : "" };
          bus.respond(meta.reply, await answer(bus, from, kind, responses, () => handler(request, from)));
        },
        queue === undefined ? {} : { queue },
      ),
  };
}

/** Where a request goes, and where those listen who answer it. */
export interface ServiceAddress {
  readonly send: string | undefined;
  readonly listen: string;
  readonly queue?: string;
  /** True where runners ask. */
  readonly byRunner?: boolean;
}

async function answer<Response>(
  bus: Bus,
  from: ChannelMeta,
  kind: string,
  responses: Codec<Response>,
  handle: () => Promise<Response> | Response,
): Promise<Uint8Array> {
  try {
    return responses.encode(await handle()).finish();
  } catch (thrown) {
    const error = coerceError(thrown);
    if (error.reason === "RUN_TOKEN_FOREIGN") bus.countForged(kind, from.subject);
    if (error.kind === "Internal") bus.log.error("message.handler_failed", { kind, error: thrown });
    // Decoding nothing gives every field's default, so that only the error has to be filled in.
    const empty = responses.decode(new Uint8Array(0));
    return responses.encode({ ...empty, error: toControlError(error) }).finish();
  }
}

function toControlError(error: PlatformError): control.ControlError {
  const message = error.kind === "Internal" ? "the house failed to answer" : error.message;
  return { reason: error.reason, message, kind: error.kind };
}

const KINDS: Record<ErrorKind, true> = {
  InvalidArgument: true,
  FailedPrecondition: true,
  Unauthenticated: true,
  PermissionDenied: true,
  NotFound: true,
  AlreadyExists: true,
  Conflict: true,
  ResourceExhausted: true,
  Cancelled: true,
  DeadlineExceeded: true,
  Unavailable: true,
  Internal: true,
};

function thrownThere(error: control.ControlError): PlatformError {
  const kind = Object.hasOwn(KINDS, error.kind) ? (error.kind as ErrorKind) : "Internal";
  return new PlatformError(kind, error.reason, error.message);
}
