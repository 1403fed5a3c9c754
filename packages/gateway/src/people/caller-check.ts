import { PlatformError } from "@millrace/core";
import type { CallCredentials } from "@millrace/rpc";
import type { ApiKeys, SessionLives, Sessions } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import type { ApiCaller } from "../api/api-caller.ts";
import type { ApiKeyCheck } from "../api/api-keys.ts";

/** Tokens of sessions; everything else is taken for an API key. */
const SESSION_TOKEN = /^mrs_[A-Za-z0-9_-]{43}$/;
const OPEN = "/millrace.api.v1.SessionService/SignIn";
const NOBODY: ApiCaller = { projectId: "", apiKeyId: "" };
const NOTE_EVERY_MS = 60_000;

export interface CallerCheckOptions {
  readonly keys: ApiKeyCheck;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly lives: SessionLives;
  readonly log: Logger;
}

/** Finds out who calls: an API key, or the session of a person. Signing in is open to everybody. */
export class CallerCheck {
  readonly #options: CallerCheckOptions;
  readonly #used = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CallerCheckOptions) {
    this.#options = options;
  }

  /** Notes once a minute which keys are used, all in one statement. */
  start(): void {
    this.#timer = setInterval(() => void this.#noteUses(), NOTE_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#noteUses();
  }

  /** The caller. Throws `API_KEY_MISSING`, `API_KEY_INVALID` and `SESSION_OVER`, all Unauthenticated. */
  authenticate(credentials: CallCredentials): ApiCaller | Promise<ApiCaller> {
    if (credentials.method === OPEN) return NOBODY;
    if (credentials.bearer !== undefined && SESSION_TOKEN.test(credentials.bearer)) {
      return this.#session(credentials.bearer);
    }
    const caller = this.#options.keys.authenticate(credentials);
    if (!(caller instanceof Promise)) this.#used.add(caller.apiKeyId);
    return caller;
  }

  async #session(token: string): Promise<ApiCaller> {
    const session = await this.#options.sessions.find(token, this.#options.lives);
    if (session === undefined) {
      throw new PlatformError("Unauthenticated", "SESSION_OVER", "the session is over; sign in again");
    }
    return { projectId: session.projectId, apiKeyId: session.apiKeyId ?? "", session };
  }

  async #noteUses(): Promise<void> {
    const used = [...this.#used];
    if (used.length === 0) return;
    this.#used.clear();
    try {
      await this.#options.apiKeys.noteUses(used);
    } catch (error) {
      this.#options.log.warn("api_keys.uses_unnoted", { error });
    }
  }
}
