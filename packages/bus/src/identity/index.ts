/** Keys and credentials, for those who make them and open no connection. */
export {
  createNatsKeys,
  formatCredentials,
  issueJoinToken,
  issueRole,
  issueRunner,
  readJoinToken,
  trustOf,
  type Credentials,
  type HouseRole,
  type NatsKeys,
  type NatsTrust,
} from "./authority.ts";
export { createKey, isUserKey, publicKeyOf } from "./jwt.ts";
export { inboxes } from "./permissions.ts";
