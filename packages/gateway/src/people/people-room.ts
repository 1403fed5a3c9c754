import type { GatewaySettings } from "@millrace/config";
import type { SessionLives, Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { ApiKeyCheck } from "../api/api-keys.ts";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import { ApiKeyService } from "./api-key-service.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import { CallerCheck } from "./caller-check.ts";
import { Passwords } from "./passwords.ts";
import { SessionService } from "./session-service.ts";
import { UserService } from "./user-service.ts";

const WINDOW_MS = 300_000;
/** Many may share an address. */
const PEER_FACTOR = 5;

export interface PeopleRoomParts {
  readonly settings: GatewaySettings;
  readonly store: Store;
  readonly cache: DefinitionCache;
  readonly sync: { refresh(): Promise<void>; publish(generation: number): Promise<void> };
  readonly log: Logger;
}

/** Who may call this gateway, and the services for that. */
export interface PeopleRoom {
  readonly callers: CallerCheck;
  readonly sessions: SessionService;
  readonly users: UserService;
  readonly apiKeys: ApiKeyService;
  readonly lives: SessionLives;
}

/** Wires what knows of people and keys. */
export function openPeopleRoom({ settings, store, cache, sync, log }: PeopleRoomParts): PeopleRoom {
  const lives = { idleMs: settings.sessionIdleMs, lifeMs: settings.sessionLifeMs };
  const passwords = new Passwords();
  const { signInFailuresMax: failuresMax } = settings;
  const limits = {
    user: new AttemptLimit({ failuresMax, windowMs: WINDOW_MS }),
    peer: new AttemptLimit({ failuresMax: failuresMax * PEER_FACTOR, windowMs: WINDOW_MS }),
  };
  const { users, sessions, projects, apiKeys } = store;
  const keys = new ApiKeyCheck(cache, () => sync.refresh());
  return {
    callers: new CallerCheck({ keys, apiKeys, sessions, lives, log }),
    sessions: new SessionService({ users, sessions, projects, cache, passwords, lives, limits }),
    users: new UserService(users, passwords),
    apiKeys: new ApiKeyService({ apiKeys, publish: (generation) => sync.publish(generation) }),
    lives,
  };
}
