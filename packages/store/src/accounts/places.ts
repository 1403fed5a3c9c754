import type { SecretPlace } from "../secrets/vault.ts";

/** What an account holds opens only under its own project and id. */
export function accountPlace(projectId: string, accountId: string): SecretPlace {
  return ["account", projectId, accountId];
}

/** An OAuth client opens only under its own project and app. */
export function clientPlace(projectId: string, app: string): SecretPlace {
  return ["oauth client", projectId, app];
}

/** What a pending authorization keeps opens only under its own state. */
export function authorizationPlace(stateHash: Uint8Array): SecretPlace {
  return ["authorization", Buffer.from(stateHash).toString("hex")];
}
