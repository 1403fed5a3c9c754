import { PlatformError } from "@millrace/core";
import type { apiKeyApi } from "@millrace/protocol";
import type { ApiKeyRecord, ApiKeys } from "@millrace/store";
import { assertAdministrator, type ApiCaller, type ApiContext } from "../api/api-caller.ts";

const NAME_PREFIX = "apiKeys/";
const DISPLAY_NAME_MAX = 100;

export interface ApiKeyServiceOptions {
  readonly apiKeys: ApiKeys;
  /** Resolves when the living gateways serve the generation. */
  readonly publish: (generation: number) => Promise<void>;
}

/** `millrace.api.v1.ApiKeyService`. */
export class ApiKeyService {
  readonly #options: ApiKeyServiceOptions;

  constructor(options: ApiKeyServiceOptions) {
    this.#options = options;
  }

  async listApiKeys(
    _: apiKeyApi.ListApiKeysRequest,
    { principal }: ApiContext,
  ): Promise<apiKeyApi.ListApiKeysResponse> {
    assertAdministrator(principal);
    const keys = await this.#options.apiKeys.list(principal.projectId);
    return { apiKeys: keys.map((key) => toApiKey(key, "", principal)) };
  }

  async createApiKey(request: apiKeyApi.CreateApiKeyRequest, { principal }: ApiContext): Promise<apiKeyApi.ApiKey> {
    assertAdministrator(principal);
    const name = request.displayName.trim();
    if (name === "" || name.length > DISPLAY_NAME_MAX || /\p{Cc}/u.test(name)) {
      const message = `display_name has 1 to ${DISPLAY_NAME_MAX} characters`;
      throw new PlatformError("InvalidArgument", "INVALID_API_KEY_NAME", message);
    }
    const { key, generation, ...record } = await this.#options.apiKeys.create(principal.projectId, name);
    await this.#options.publish(generation);
    return toApiKey(record, key, principal);
  }

  async revokeApiKey({ name }: apiKeyApi.RevokeApiKeyRequest, { principal }: ApiContext) {
    assertAdministrator(principal);
    const id = name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : "";
    await this.#options.publish(await this.#options.apiKeys.revoke(principal.projectId, id));
    return {};
  }
}

function toApiKey(
  { id, name, createTimeMs, useTimeMs }: ApiKeyRecord,
  key: string,
  { apiKeyId }: ApiCaller,
): apiKeyApi.ApiKey {
  return {
    name: `${NAME_PREFIX}${id}`,
    displayName: name,
    createTime: new Date(createTimeMs),
    useTime: useTimeMs === null ? undefined : new Date(useTimeMs),
    key,
    current: id === apiKeyId,
  };
}
