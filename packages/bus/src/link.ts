import type { PlatformError } from "@millrace/core";
import type { NatsConnection } from "@nats-io/transport-node";
import { isRefusal, translateNatsError, type BusLog } from "./bus-errors.ts";
import { dial, serversOf, type Dialled } from "./dial.ts";
import type { Credentials } from "./identity/authority.ts";
import { Peers } from "./peers.ts";
import type { TlsFiles } from "./tls.ts";

/** How to reach NATS and whom to be there. */
export interface LinkOptions {
  /** One address or several, separated by commas. */
  url: string;
  user?: string | undefined;
  password?: string | undefined;
  /** Path of a NATS credentials file; instead of user and password. Read anew for each connection. */
  credentialsFile?: string | undefined;
  /** The newest credentials, where they change while the process runs; instead of all of the above. */
  credentials?: (() => Credentials) | undefined;
  /** Below which subject answers to requests come; the client's own when absent. */
  inboxPrefix?: string | undefined;
  tls?: TlsFiles | undefined;
  /** Name of this process, shown in NATS' own monitoring. */
  name: string;
}

/** Bounds of a connection; all times in ms. */
export interface LinkLimits {
  /** Without a sign of life from the server for this long, it is asked for one. Default 1,200: an answered heartbeat is one. */
  quietMs: number;
  /** Between two pings while none is answered, and the quiet time where there are other servers to go to. Default 500. */
  pingIntervalMs: number;
  /** Pings without an answer after which the connection counts as dead. Default 3: noticed before runners are given up. */
  pingsMissedMax: number;
  /** The same where there are other servers to go to: leaving one costs little. Default 2. */
  clusterPingsMissedMax: number;
  /** First pause before connecting again. Default 50. */
  reconnectDelayMinMs: number;
  /** Longest pause before connecting again. Default 2,000. */
  reconnectDelayMaxMs: number;
  /** For one try to connect. Default 2,000. */
  connectTimeoutMs: number;
  /** For the first connection of a process in all. Default 30,000. */
  firstConnectTimeoutMs: number;
}

/** The connection has come or gone. */
export type LinkStatus = { connected: true; server: string; downMs: number } | { connected: false; cause: string };

/**
 * Keeps one connection to NATS alive for ever.
 *
 * States: connecting → up → (lost) → connecting …, and closed for good after `close`. A new connection object is made each
 * time instead of using the client's own reconnecting: that queues publishes without a bound between two dials, and it
 * cannot leave a server that has stopped reading, because it waits for a last write to be flushed first. Nothing survives
 * a lost connection here; `onUp` sets everything up anew.
 */
export class Link {
  #options: LinkOptions;
  #limits: LinkLimits;
  #log: BusLog;
  #current: NatsConnection | undefined;
  #closed = false;
  #pingTimer: NodeJS.Timeout | undefined;
  readonly #several: boolean;
  readonly #quietMs: number;
  #pingsMissed = 0;
  #pinging = false;
  #waitingPings = new Set<(seen: boolean) => void>();
  #lastHeardMs = 0;
  #downSinceMs = performance.now();
  #retryTimer: NodeJS.Timeout | undefined;
  #wakeRetry: (() => void) | undefined;
  #onUp: (connection: NatsConnection) => void;
  #onStatus: (status: LinkStatus) => void;
  readonly #peers = new Peers();
  readonly #pingsMissedMax: number;
  /** The server of the current connection; after its loss, the one that is tried last. */
  #server: string | undefined;
  #moving = false;
  #nextMoveMs = 0;

  constructor(
    options: LinkOptions,
    limits: LinkLimits,
    log: BusLog,
    onUp: (connection: NatsConnection) => void,
    onStatus: (status: LinkStatus) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#log = log;
    this.#onUp = onUp;
    this.#onStatus = onStatus;
    this.#several = serversOf(options.url).length > 1;
    this.#pingsMissedMax = this.#several ? limits.clusterPingsMissedMax : limits.pingsMissedMax;
    this.#quietMs = this.#several ? limits.pingIntervalMs : limits.quietMs;
  }

  /** The living connection, if there is one. */
  get current(): NatsConnection | undefined {
    return this.#current;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** When the server last proved to be there, on the monotonic clock. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Connects for the first time; refused credentials and a server that stays away end the process's start. */
  async open(): Promise<void> {
    const deadlineMs = performance.now() + this.#limits.firstConnectTimeoutMs;
    for (let attempt = 0; !this.#closed; attempt++) {
      const failure = await this.#dial();
      if (failure === undefined) return;
      if (isRefusal(failure) || performance.now() > deadlineMs) {
        this.#closed = true;
        throw this.#unreachable(failure);
      }
      await this.#pause(attempt);
    }
  }

  /**
   * Goes on over a new connection, with the credentials that are newest now, without a moment in between: the old one is
   * left for `retireMs`, in which the answers to what was asked over it may come. Throws when there is no new one.
   */
  async renew(retireMs: number): Promise<void> {
    const old = this.#current;
    if (old === undefined || this.#closed) return;
    const dialled = await dial(this.#options, this.#limits, undefined);
    if (this.#closed || old !== this.#current) return void dialled.connection.close();
    this.#attach(dialled);
    setTimeout(() => void old.close().catch(() => {}), retireMs).unref();
  }

  /** Something that was sent over the connection has been answered, which says as much as an answered ping. */
  heard(): void {
    this.#lastHeardMs = performance.now();
    const wasMissed = this.#pingsMissed > 0;
    this.#pingsMissed = 0;
    // Where there are several servers, the beat also looks whether this one is cut off.
    if (this.#several) return;
    if (!wasMissed) this.#pingTimer?.refresh();
    else if (this.#current !== undefined) this.#beatIn(this.#current, this.#quietMs);
  }

  /** Asks the server for a sign of life now; resolves when it has seen everything that was sent before. */
  ping(): Promise<boolean> {
    const connection = this.#current;
    if (connection === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      // The client forgets its pings when a connection ends, so those that wait are answered by `#lost`.
      const settle = (seen: boolean): void => {
        if (!this.#waitingPings.delete(settle)) return;
        if (seen) this.heard();
        resolve(seen);
      };
      this.#waitingPings.add(settle);
      connection.flush().then(
        () => settle(true),
        () => settle(false),
      );
    });
  }

  /** Ends the connection for good, after what was sent has left when the server still reads. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#retryTimer);
    this.#wakeRetry?.();
    const connection = this.#current;
    this.#current = undefined;
    if (connection === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([connection.drain().catch(() => {}), late]);
    clearTimeout(timer);
  }

  #unreachable(failure: unknown): PlatformError {
    const where = this.#options.url.replaceAll(/\/\/[^@/,]*@/g, "//");
    return translateNatsError(failure, `connecting to NATS at ${where}`);
  }

  /** One try; undefined when it worked. */
  async #dial(): Promise<unknown> {
    try {
      const dialled = await dial(this.#options, this.#limits, this.#server);
      if (this.#closed) void dialled.connection.close();
      else this.#up(dialled);
      return undefined;
    } catch (thrown) {
      return thrown ?? new Error("the connection was refused");
    }
  }

  #up(dialled: Dialled): void {
    this.#attach(dialled);
    const server = dialled.connection.getServer();
    this.#onStatus({ connected: true, server, downMs: performance.now() - this.#downSinceMs });
  }

  #attach({ connection, server }: Dialled): void {
    this.#current = connection;
    this.#server = server;
    this.#pingsMissed = 0;
    this.#lastHeardMs = performance.now();
    void connection
      .closed()
      .then((cause) => this.#lost(connection, cause instanceof Error ? cause.message : "connection closed"));
    this.#beatIn(connection, this.#quietMs);
    void this.#watchPeers(connection);
    this.#onUp(connection);
  }

  #beatIn(connection: NatsConnection, ms: number): void {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => this.#beat(connection), ms);
  }

  /** Pings a server that is quiet. Counts timer ticks, not time: a stall of this process itself says nothing about the server. */
  #beat(connection: NatsConnection): void {
    void this.#leaveIfCutOff(connection);
    const quietForMs = performance.now() - this.#lastHeardMs;
    if (this.#pingsMissed === 0 && quietForMs < this.#quietMs) {
      return this.#beatIn(connection, Math.max(1, this.#quietMs - quietForMs));
    }
    if (this.#pingsMissed >= this.#pingsMissedMax) {
      this.#lost(connection, "the server has stopped answering");
      return;
    }
    this.#pingsMissed++;
    this.#beatIn(connection, this.#limits.pingIntervalMs);
    if (this.#pinging) return;
    this.#pinging = true;
    void this.ping().finally(() => (this.#pinging = false));
  }

  /** A server says at once when it has lost others, and what it refuses. */
  async #watchPeers(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "update") void this.#leaveIfCutOff(connection);
      if (status.type === "error") this.#log.warn("bus.refused", { error: status.error.message });
    }
  }

  /** Leaves a server that is cut off from most others, if another one is not. */
  async #leaveIfCutOff(connection: NatsConnection): Promise<void> {
    if (connection !== this.#current || !this.#peers.isCutOff(connection)) return;
    if (this.#moving || performance.now() < this.#nextMoveMs) return;
    this.#moving = true;
    this.#nextMoveMs = performance.now() + this.#limits.reconnectDelayMaxMs;
    try {
      const dialled = await dial(this.#options, this.#limits, this.#server);
      const better = !this.#closed && connection === this.#current && !this.#peers.isCutOff(dialled.connection);
      if (!better) return void dialled.connection.close();
      this.#end(connection, "the server is cut off from the others");
      this.#up(dialled);
    } catch (thrown) {
      this.#log.warn("bus.cut_off", { server: connection.getServer(), error: thrown });
    } finally {
      this.#moving = false;
    }
  }

  #lost(connection: NatsConnection, cause: string): void {
    if (connection !== this.#current) return;
    this.#end(connection, cause);
    void this.#reconnect();
  }

  #end(connection: NatsConnection, cause: string): void {
    this.#current = undefined;
    this.#downSinceMs = performance.now();
    clearTimeout(this.#pingTimer);
    // Not awaited: against a server that reads nothing it would never resolve. Its subscriptions end at once.
    void connection.close().catch(() => {});
    for (const settle of this.#waitingPings) settle(false);
    this.#onStatus({ connected: false, cause });
  }

  async #reconnect(): Promise<void> {
    for (let attempt = 0; !this.#closed && this.#current === undefined; attempt++) {
      const failure = await this.#dial();
      if (failure === undefined) return;
      if (attempt === 0 || attempt % 10 === 9) this.#log.warn("bus.reconnect_failed", { attempt, error: failure });
      await this.#pause(attempt);
    }
  }

  /** Doubles up to the bound, with jitter so that a restarted server is not met by everybody at once. */
  #pause(attempt: number): Promise<void> {
    const { reconnectDelayMinMs, reconnectDelayMaxMs } = this.#limits;
    const full = Math.min(reconnectDelayMinMs * 2 ** Math.min(attempt, 16), reconnectDelayMaxMs);
    return new Promise((resolve) => {
      this.#wakeRetry = resolve;
      this.#retryTimer = setTimeout(resolve, full * (0.5 + Math.random() / 2));
    });
  }
}
