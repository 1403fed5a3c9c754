import { PlatformError } from "@millrace/core";
import type { CallCredentials } from "@millrace/rpc";
import { hashApiKey } from "@millrace/store";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { ApiCaller } from "./api-caller.ts";

/** How often an unknown key makes the gateway look whether it is a new one. */
const LOOK_EVERY_MS = 1_000;

/** Finds out who calls, from hashes in memory. */
export class ApiKeyCheck {
  readonly #cache: DefinitionCache;
  readonly #refresh: () => Promise<void>;
  #lookedAtMs = -Infinity;

  constructor(cache: DefinitionCache, refresh: () => Promise<void>) {
    this.#cache = cache;
    this.#refresh = refresh;
  }

  /** The caller. Throws `API_KEY_MISSING` and `API_KEY_INVALID`, both Unauthenticated. */
  authenticate({ bearer }: CallCredentials): ApiCaller | Promise<ApiCaller> {
    if (bearer === undefined) {
      const message = "this call wants the metadata authorization: Bearer <API key>";
      throw new PlatformError("Unauthenticated", "API_KEY_MISSING", message);
    }
    const hash = hashApiKey(bearer);
    return this.#find(hash) ?? this.#lookAgain(hash);
  }

  /** A key made a moment ago may be known to the database alone. */
  async #lookAgain(hash: string): Promise<ApiCaller> {
    if (performance.now() - this.#lookedAtMs > LOOK_EVERY_MS) {
      this.#lookedAtMs = performance.now();
      await this.#refresh();
    }
    const caller = this.#find(hash);
    if (caller !== undefined) return caller;
    throw new PlatformError("Unauthenticated", "API_KEY_INVALID", "the API key is unknown or was revoked");
  }

  #find(hash: string): ApiCaller | undefined {
    const key = this.#cache.findApiKey(hash);
    return key && { projectId: key.projectId, apiKeyId: key.id };
  }
}
