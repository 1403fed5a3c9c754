import { PlatformError } from "@millrace/core";
import {
  createInbox,
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from "@nats-io/transport-node";
import { disconnectedError, silentLog, translateNatsError, type BusLog } from "./bus-errors.ts";
import { ShortWay, type ShortReceiver } from "./short-way.ts";
import { Link, type LinkLimits, type LinkOptions, type LinkStatus } from "./link.ts";

/** Headers of a message; only tracing uses them. */
export type BusHeaders = Readonly<Record<string, string>>;

/** What is known about a message beside its bytes. */
export interface MessageMeta {
  subject: string;
  /** Where an answer goes; absent when nobody asked for one. */
  reply: string | undefined;
  headers: BusHeaders | undefined;
}

/** Handles one message. What it throws is logged and never ends the subscription. */
export type MessageHandler = (data: Uint8Array, meta: MessageMeta) => void | Promise<void>;

export interface BusSubscription {
  unsubscribe(): void;
}

/** Bounds of a bus. */
export interface BusLimits extends LinkLimits {
  /** Largest message in bytes; the server's own limit holds as well. Default 8 MiB. */
  messageBytesMax: number;
  /** Most bytes sent and not yet seen by the server; beyond it messages are dropped and counted. Default 64 MiB. */
  pendingBytesMax: number;
}

export interface BusOptions extends LinkOptions {
  log?: BusLog;
  limits?: Partial<BusLimits>;
}

/** What was lost or refused since the start; every one of them has a counterpart in the message table's resends. */
export interface BusCounters {
  published: number;
  received: number;
  /** Messages from one part of this process to another one that NATS has not seen. */
  short: number;
  /** Publishes while there was no connection. */
  lostDisconnected: number;
  /** Publishes beyond `pendingBytesMax`. */
  lostBacklog: number;
  handlerErrors: number;
  undecodable: number;
  /** Messages of runners that say of themselves what their credential does not. */
  forged: number;
}

/** The connection has come or gone. */
export type BusStatus = LinkStatus;

const DEFAULT_LIMITS: BusLimits = {
  quietMs: 1_200,
  pingIntervalMs: 500,
  pingsMissedMax: 3,
  clusterPingsMissedMax: 2,
  reconnectDelayMinMs: 50,
  reconnectDelayMaxMs: 2_000,
  connectTimeoutMs: 2_000,
  firstConnectTimeoutMs: 30_000,
  messageBytesMax: 8 * 1024 * 1024,
  pendingBytesMax: 64 * 1024 * 1024,
};

const NO_RESPONDERS = "503";
/** The longest request that runs over a connection ends within it. */
const RETIRE_MS = 30_000;

interface Wanted {
  subject: string;
  queue: string | undefined;
  handler: MessageHandler;
  live: Subscription | undefined;
  /** The connection that has it. */
  on: NatsConnection | undefined;
}

interface Outgoing {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string | undefined;
  readonly messageHeaders: BusHeaders | undefined;
}

const connections = new WeakMap<Bus, () => NatsConnection | undefined>();

/** The NATS connection below a bus, for the other files of this room; anybody else has no business with it. */
export function connectionOf(bus: Bus, what: string): NatsConnection {
  const connection = connections.get(bus)?.();
  if (connection === undefined) throw disconnectedError(what);
  return connection;
}

/**
 * Core NATS as the house uses it: at most once, in memory, never blocking. Whoever needs an answer sends again; a publish
 * without a connection is lost like one that the network lost, and only `connected` and the counters tell.
 */
export class Bus {
  readonly name: string;
  readonly counters: BusCounters = {
    published: 0,
    received: 0,
    short: 0,
    lostDisconnected: 0,
    lostBacklog: 0,
    handlerErrors: 0,
    undecodable: 0,
    forged: 0,
  };
  readonly log: BusLog;
  #link: Link;
  #inboxPrefix: string | undefined;
  #limits: BusLimits;
  #wanted = new Set<Wanted>();
  #listeners = new Set<(status: BusStatus) => void>();
  #waiting = new Set<(connected: boolean) => void>();
  /** Messages of this turn of the event loop. */
  #outbox: Outgoing[] = [];
  readonly #shortWay = new ShortWay();
  #sentBytes = 0;
  #seenBytes = 0;
  #catchingUp = false;

  constructor(options: BusOptions) {
    this.name = options.name;
    this.#inboxPrefix = options.inboxPrefix;
    this.log = options.log ?? silentLog;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#link = new Link(
      options,
      this.#limits,
      this.log,
      (connection) => this.#onUp(connection),
      (status) => this.#onStatus(status),
    );
    connections.set(this, () => this.#link.current);
  }

  /** Connects for the first time. */
  open(): Promise<void> {
    return this.#link.open();
  }

  /** False from the moment a lost connection is noticed until a new one has all subscriptions. */
  get connected(): boolean {
    return this.#link.current !== undefined;
  }

  /** When the server last answered anything, on the monotonic clock: silence of others means nothing when this is old. */
  get lastHeardMs(): number {
    return this.#link.lastHeardMs;
  }

  /** Largest message that can be sent now. */
  get messageBytesMax(): number {
    return Math.min(this.#limits.messageBytesMax, this.#link.current?.info?.max_payload ?? Infinity);
  }

  /** Told of every loss and return of the connection. Returns what ends it. */
  onStatus(listener: (status: BusStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Goes over to a new connection with the newest credentials; what is under way over the old one may still end there. */
  renewConnection(): Promise<void> {
    return this.#link.renew(RETIRE_MS);
  }

  /** What was sent over this connection has been answered: no ping needs to find out whether the server is there. */
  noteAnswer(): void {
    if (this.connected) this.#link.heard();
  }

  /** Resolves to true when there is a connection, to false when the bus was closed. */
  untilConnected(): Promise<boolean> {
    if (this.connected || this.#link.closed) return Promise.resolve(this.connected);
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Sends and forgets. Throws only `PAYLOAD_TOO_LARGE`; returns false when the message is lost already. */
  publish(subject: string, data: Uint8Array, messageHeaders?: BusHeaders): boolean {
    return this.#send(subject, data, undefined, messageHeaders);
  }

  /**
   * Hands a message to its receiver when that is in this process, and in this process alone; false when it has to be published. Cut
   * off from NATS nobody hands on anything: whoever cannot renew a lease is not given work by its neighbour either.
   */
  sendShort(subject: string, message: unknown, messageHeaders?: BusHeaders): boolean {
    if (!this.connected || !this.#shortWay.send(subject, message, messageHeaders)) return false;
    this.counters.short++;
    return true;
  }

  /** Receives what other parts of this process send to a subject; beside a subscription for what others send. */
  listenShort(subject: string, receiver: ShortReceiver): () => void {
    return this.#shortWay.listen(subject, receiver);
  }

  /** Answers a request; nothing happens when nobody asked. */
  respond(reply: string | undefined, data: Uint8Array): void {
    if (reply !== undefined && reply !== "") this.#send(reply, data, undefined, undefined);
  }

  /** Receives what is sent to a subject from now on, over lost connections too. With `queue`, one member of it receives each. */
  subscribe(subject: string, handler: MessageHandler, options: { queue?: string } = {}): BusSubscription {
    const wanted: Wanted = { subject, queue: options.queue, handler, live: undefined, on: undefined };
    this.#wanted.add(wanted);
    const connection = this.#link.current;
    if (connection !== undefined) this.#attach(connection, wanted);
    return {
      unsubscribe: () => {
        if (this.#wanted.delete(wanted) && this.connected) wanted.live?.unsubscribe();
      },
    };
  }

  /** Asks one receiver and waits for its answer: BUS_TIMEOUT, BUS_NO_RESPONDERS or BUS_DISCONNECTED when none comes. */
  async request(
    subject: string,
    data: Uint8Array,
    options: { timeoutMs: number; headers?: BusHeaders },
  ): Promise<Uint8Array> {
    const connection = this.#link.current;
    const what = `request to ${subject}`;
    if (connection === undefined) throw disconnectedError(what);
    this.#checkSize(subject, data, options.headers);
    this.#sendOutbox();
    try {
      const answer = await connection.request(subject, data, {
        timeout: options.timeoutMs,
        ...(options.headers !== undefined && { headers: encodeHeaders(options.headers) }),
      });
      if (connection === this.#link.current) this.#link.heard();
      return answer.data;
    } catch (thrown) {
      throw translateNatsError(thrown, what);
    }
  }

  /**
   * Asks everybody: `onReply` gets each answer until it returns true or the time is over. Resolves to whether it did, and to
   * false at once when nobody listens, or when the connection is lost.
   */
  gather(
    subject: string,
    data: Uint8Array,
    options: { timeoutMs: number; onReply: (data: Uint8Array, meta: MessageMeta) => boolean },
  ): Promise<boolean> {
    const inbox = createInbox(this.#inboxPrefix);
    return new Promise((resolve) => {
      const finish = (enough: boolean): void => {
        clearTimeout(timer);
        forget();
        subscription.unsubscribe();
        resolve(enough);
      };
      const timer = setTimeout(() => finish(false), options.timeoutMs);
      const subscription = this.subscribe(inbox, (reply, meta) => {
        if (reply.length === 0 && meta.headers?.["Status"] === NO_RESPONDERS) return finish(false);
        if (options.onReply(reply, meta)) finish(true);
      });
      const forget = this.onStatus(({ connected }) => !connected && finish(false));
      this.#send(subject, data, inbox, undefined);
    });
  }

  /** Counts a message that its sender had no right to send; the first of each hundred is logged. */
  countForged(kind: string, subject: string): void {
    if (this.counters.forged++ % 100 === 0) {
      this.log.warn("message.forged", { kind, subject, count: this.counters.forged });
    }
  }

  /** Resolves to true when the server has seen everything that was sent before. */
  flush(): Promise<boolean> {
    this.#sendOutbox();
    return this.#link.ping();
  }

  /** Takes no more messages, lets what was sent leave, and ends the connection for good. */
  async drain(timeoutMs = 2_000): Promise<void> {
    this.#sendOutbox();
    this.#wanted.clear();
    this.#wake(false);
    await this.#link.close(timeoutMs);
  }

  #send(subject: string, data: Uint8Array, reply: string | undefined, messageHeaders: BusHeaders | undefined): boolean {
    this.#checkSize(subject, data, messageHeaders);
    const connection = this.#link.current;
    if (connection === undefined) {
      this.counters.lostDisconnected++;
      return false;
    }
    if (!this.#admit(data.length + subject.length)) {
      this.counters.lostBacklog++;
      return false;
    }
    if (this.#outbox.length === 0) setImmediate(() => this.#sendOutbox());
    this.#outbox.push({ subject, data, reply, messageHeaders });
    return true;
  }

  /**
   * Sends what one turn of the event loop has gathered in one write: the client library writes once a microtask, which
   * under load made a third of a scheduler's time system calls.
   */
  #sendOutbox(): void {
    const messages = this.#outbox;
    if (messages.length === 0) return;
    this.#outbox = [];
    const connection = this.#link.current;
    for (const { subject, data, reply, messageHeaders } of messages) {
      try {
        if (connection === undefined) this.counters.lostDisconnected++;
        else if (messageHeaders === undefined && reply === undefined) connection.publish(subject, data);
        else connection.publish(subject, data, publishOptions(reply, messageHeaders));
      } catch (thrown) {
        this.counters.lostDisconnected++;
        this.log.warn("bus.publish_failed", { subject, error: String(thrown) });
      }
    }
    if (connection !== undefined) this.counters.published += messages.length;
  }

  /** Bounds what waits for a slow server. A ping goes out at half the bound, so only a server that is behind reaches it. */
  #admit(bytes: number): boolean {
    const pending = this.#sentBytes - this.#seenBytes;
    if (pending > this.#limits.pendingBytesMax / 2 && !this.#catchingUp) this.#catchUp();
    if (pending + bytes > this.#limits.pendingBytesMax) return false;
    this.#sentBytes += bytes;
    return true;
  }

  #catchUp(): void {
    this.#sendOutbox();
    const sent = this.#sentBytes;
    this.#catchingUp = true;
    void this.#link.ping().then((seen) => {
      this.#catchingUp = false;
      if (seen) this.#seenBytes = Math.max(this.#seenBytes, sent);
    });
  }

  #checkSize(subject: string, data: Uint8Array, messageHeaders: BusHeaders | undefined): void {
    let bytes = data.length;
    for (const name in messageHeaders) bytes += name.length + messageHeaders[name]!.length + 4;
    const limit = this.messageBytesMax;
    if (bytes <= limit) return;
    throw new PlatformError(
      "InvalidArgument",
      "PAYLOAD_TOO_LARGE",
      `a message of ${bytes} bytes is over the limit of ${limit}`,
      {
        metadata: { subject, bytes: String(bytes), limit: String(limit) },
      },
    );
  }

  #onUp(connection: NatsConnection): void {
    this.#sentBytes = this.#seenBytes = 0;
    this.#catchingUp = false;
    for (const wanted of this.#wanted) this.#attach(connection, wanted);
  }

  #wake(connected: boolean): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(connected);
  }

  #onStatus(status: BusStatus): void {
    if (status.connected) this.log.info("bus.connected", { server: status.server, downMs: Math.round(status.downMs) });
    else this.log.warn("bus.disconnected", { cause: status.cause });
    if (status.connected) this.#wake(true);
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (thrown) {
        this.#handlerFailed("status", thrown);
      }
    }
  }

  /** A callback, not an iterator: each message is handled in the turn that read it, without a promise of its own. */
  #attach(connection: NatsConnection, wanted: Wanted): void {
    const { live: before, on: last } = wanted;
    wanted.on = connection;
    wanted.live = connection.subscribe(wanted.subject, {
      ...(wanted.queue !== undefined && { queue: wanted.queue }),
      callback: (error, message) => {
        if (error) this.log.warn("bus.subscription_failed", { subject: wanted.subject, error: error.message });
        else if (this.#wanted.has(wanted)) this.#deliver(wanted, message);
      },
    });
    if (before?.isClosed() === false && last !== undefined) void leave(before, last, connection);
  }

  #deliver(wanted: Wanted, message: Msg): void {
    this.counters.received++;
    const meta = { subject: message.subject, reply: message.reply, headers: decodeHeaders(message.headers) };
    try {
      const pending = wanted.handler(message.data, meta);
      if (pending instanceof Promise) pending.catch((thrown: unknown) => this.#handlerFailed(wanted.subject, thrown));
    } catch (thrown) {
      this.#handlerFailed(wanted.subject, thrown);
    }
  }

  #handlerFailed(subject: string, thrown: unknown): void {
    this.counters.handlerErrors++;
    this.log.error("bus.handler_failed", { subject, error: thrown });
  }
}

function encodeHeaders(messageHeaders: BusHeaders): MsgHdrs {
  const encoded = headers();
  for (const name in messageHeaders) encoded.set(name, messageHeaders[name]!);
  return encoded;
}

function publishOptions(
  reply: string | undefined,
  messageHeaders: BusHeaders | undefined,
): { reply?: string; headers?: MsgHdrs } {
  return {
    ...(reply !== undefined && { reply }),
    ...(messageHeaders !== undefined && { headers: encodeHeaders(messageHeaders) }),
  };
}

function decodeHeaders(encoded: MsgHdrs | undefined): BusHeaders | undefined {
  if (encoded === undefined) return undefined;
  const decoded: Record<string, string> = {};
  for (const name of encoded.keys()) decoded[name] = encoded.get(name);
  if (encoded.code > 0) decoded["Status"] = String(encoded.code);
  return decoded;
}

/** Connects to NATS and stays connected until `drain`. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const bus = new Bus(options);
  await bus.open();
  return bus;
}

/**
 * Ends a subscription of the connection before. Both receive until the server knows of the new one, which it says behind it, and
 * until what it had sent to the old one before has come: a message may come twice then, and none gets lost.
 */
async function leave(before: Subscription, last: NatsConnection, connection: NatsConnection): Promise<void> {
  await connection.flush().catch(() => undefined);
  await last.flush().catch(() => undefined);
  before.unsubscribe();
}
