import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  connectBus,
  createKey,
  inboxes,
  openChannels,
  publicKeyOf,
  readJoinToken,
  type Bus,
  type Channels,
  type Credentials,
} from "@millrace/bus";
import { natsOptions, processName, type RunnerSettings } from "@millrace/config";
import { coerceError, PlatformError } from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { Logger } from "@millrace/telemetry";

/** What a runner keeps of its identity, so that a restart goes on with it even while no gateway is there. */
interface Kept {
  readonly runner: string;
  readonly pool: string;
  /** Private key; it is made here and never leaves this machine. */
  readonly seed: string;
  /** Empty before the first credential. */
  readonly jwt: string;
  readonly expiresAtMs: number;
}

const FILE = "identity.json";
const REQUEST_MS = 3_000;
/** A first credential: gateways may start later than runners. */
const JOIN_FOR_MS = 60_000;
const RETRY_MS = { first: 200, max: 10_000 } as const;
/** A credential that ends sooner is none to start with. */
const LEAST_LIFE_MS = 3_000;

/**
 * A runner's own identity at NATS. The first credential comes for a join token, further ones for the one before, from the half
 * of its life on. Should it run out (no gateway for all that time), the runner joins again under the same key.
 */
export class RunnerIdentity {
  readonly #settings: RunnerSettings;
  readonly #log: Logger;
  #kept: Kept;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(settings: RunnerSettings, kept: Kept, log: Logger) {
    this.#settings = settings;
    this.#kept = kept;
    this.#log = log;
  }

  /** Undefined without a join token. Throws INVALID_JOIN_TOKEN, RUNNER_NAME_TAKEN, RUNNER_REVOKED or NOT_JOINED. */
  static async open(settings: RunnerSettings, log: Logger): Promise<RunnerIdentity | undefined> {
    if (settings.joinToken === undefined) return undefined;
    const identity = new RunnerIdentity(settings, readKept(settings) ?? newcomer(settings), log);
    if (identity.#kept.expiresAtMs - Date.now() < LEAST_LIFE_MS) await identity.#join(JOIN_FOR_MS);
    return identity;
  }

  get runner(): string {
    return this.#kept.runner;
  }

  readonly credentials = (): Credentials => this.#kept;

  /** Keeps the credential fresh as long as the connection is used. */
  keep(bus: Bus, channels: Pick<Channels, "renewCredential">): void {
    const lifeLeftMs = this.#kept.expiresAtMs - Date.now();
    this.#schedule((lifeLeftMs / 2) * (0.8 + Math.random() * 0.2), bus, channels);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number, bus: Bus, channels: Pick<Channels, "renewCredential">): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#renew(bus, channels), Math.min(Math.max(delayMs, 100), 2 ** 31 - 1));
  }

  async #renew(bus: Bus, channels: Pick<Channels, "renewCredential">): Promise<void> {
    try {
      if (this.#kept.expiresAtMs <= Date.now()) await this.#join(REQUEST_MS);
      else await this.#save(await channels.renewCredential().request(this.#request(), { timeoutMs: REQUEST_MS }));
      await bus.renewConnection();
      this.#log.info("credential.renewed", { expireTime: new Date(this.#kept.expiresAtMs).toISOString() });
      this.keep(bus, channels);
    } catch (thrown) {
      this.#log.warn("credential.not_renewed", { error: coerceError(thrown) });
      const lifeLeftMs = this.#kept.expiresAtMs - Date.now();
      this.#schedule(Math.min(Math.max(lifeLeftMs / 8, RETRY_MS.first), RETRY_MS.max), bus, channels);
    }
  }

  #request(): control.IssueCredentialRequest {
    return { runner: this.#kept.runner, publicKey: publicKeyOf(this.#kept.seed) };
  }

  async #save({ jwt, expireTime }: control.IssueCredentialResponse): Promise<void> {
    this.#kept = { ...this.#kept, jwt, expiresAtMs: expireTime?.getTime() ?? 0 };
    const file = join(this.#settings.dataDir, FILE);
    await mkdir(this.#settings.dataDir, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, JSON.stringify(this.#kept), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  async #join(forMs: number): Promise<void> {
    const token = readJoinToken(this.#settings.joinToken?.trim() ?? "");
    if (token === undefined || token.pool !== this.#settings.pool) throw invalidToken(token?.pool, this.#settings.pool);
    const bus = await connectBus({
      ...natsOptions(this.#settings),
      credentials: () => token,
      inboxPrefix: inboxes.joiner(token.key),
      name: `${this.#kept.runner} (joining)`,
    });
    try {
      await this.#save(await this.#askToJoin(openChannels(bus).join(token.pool, token.key), forMs));
    } finally {
      await bus.drain(500);
    }
  }

  async #askToJoin(service: ReturnType<Channels["join"]>, forMs: number): Promise<control.IssueCredentialResponse> {
    const untilMs = performance.now() + forMs;
    for (let pauseMs: number = RETRY_MS.first; ; pauseMs = Math.min(2 * pauseMs, RETRY_MS.max)) {
      try {
        return await service.request(this.#request(), { timeoutMs: REQUEST_MS });
      } catch (thrown) {
        const error = coerceError(thrown);
        const passing = error.kind === "Unavailable" || error.reason === "BUS_TIMEOUT";
        if (!passing) throw error;
        if (performance.now() + pauseMs > untilMs) {
          const message = `no gateway has given this runner a credential: ${error.message}`;
          throw new PlatformError("Unavailable", "NOT_JOINED", message, { cause: error });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** Undefined for another pool or name than the settings say: that is another runner. */
function readKept({ dataDir, pool, name }: RunnerSettings): Kept | undefined {
  try {
    const kept = JSON.parse(readFileSync(join(dataDir, FILE), "utf8")) as Kept;
    publicKeyOf(kept.seed);
    return kept.pool === pool && (name === undefined || kept.runner === name) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function newcomer({ pool, name }: RunnerSettings): Kept {
  return { runner: processName("runner", name), pool, seed: createKey("user").seed, jwt: "", expiresAtMs: 0 };
}

function invalidToken(pool: string | undefined, wanted: string): PlatformError {
  const what = pool === undefined ? "MILLRACE_JOIN_TOKEN is no join token" : `the join token is for the pool "${pool}"`;
  return new PlatformError("InvalidArgument", "INVALID_JOIN_TOKEN", `${what}; MILLRACE_POOL is "${wanted}"`);
}
