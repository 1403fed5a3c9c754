import {
  gatewayPermissions,
  hubPermissions,
  joinerPermissions,
  runnerPermissions,
  schedulerPermissions,
} from "./permissions.ts";
import type { Permissions } from "./permissions.ts";
import { createKey, publicKeyOf, signJwt } from "./jwt.ts";

/** The keys that a house's NATS trusts. The operator's and the system account's stay with the operator. */
export interface NatsKeys {
  readonly operatorSeed: string;
  readonly systemSeed: string;
  /** Signs everybody's credentials; gateways have it, to issue those of runners. */
  readonly accountSeed: string;
}

/** A user's JWT and private key: all that it takes to be that user until the JWT runs out. */
export interface Credentials {
  readonly jwt: string;
  readonly seed: string;
}

/** What a NATS server is told to trust. */
export interface NatsTrust {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** JWTs by account. */
  readonly accounts: Readonly<Record<string, string>>;
}

/** Runners answer requests of gateways, each once and soon. */
const ONE_ANSWER = { max: 1, ttl: 60_000_000_000 };
/** A runner needs eight; nothing that it does makes more. */
const RUNNER_SUBSCRIPTIONS_MAX = 64;
const RUNNER_MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
const JOINER_MESSAGE_BYTES_MAX = 4 * 1024;
const UNLIMITED = -1;

/** New keys, for a new house. */
export function createNatsKeys(): NatsKeys {
  return {
    operatorSeed: createKey("operator").seed,
    systemSeed: createKey("account").seed,
    accountSeed: createKey("account").seed,
  };
}

/** What a house's servers are started with. */
export function trustOf(keys: NatsKeys): NatsTrust {
  const systemAccount = publicKeyOf(keys.systemSeed);
  const operator = { sub: publicKeyOf(keys.operatorSeed), name: "millrace" };
  const nats = { type: "operator", version: 2, system_account: systemAccount };
  return {
    operatorJwt: signJwt({ ...operator, nats }, keys.operatorSeed),
    systemAccount,
    accounts: {
      [systemAccount]: accountJwt(keys.systemSeed, "system", keys.operatorSeed, {}, false),
      [publicKeyOf(keys.accountSeed)]: accountOf(keys, {}),
    },
  };
}

/** The house's account, without those whose credentials no longer count. */
export function accountOf(keys: NatsKeys, revocations: Readonly<Record<string, number>>): string {
  return accountJwt(keys.accountSeed, "millrace", keys.operatorSeed, revocations, true);
}

function accountJwt(
  seed: string,
  name: string,
  operatorSeed: string,
  revocations: Readonly<Record<string, number>>,
  jetStream: boolean,
): string {
  const open = { subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED, imports: UNLIMITED, exports: UNLIMITED };
  const storage = jetStream ? { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } : {};
  const limits = { ...open, wildcards: true, conn: UNLIMITED, leaf: UNLIMITED, ...storage };
  const nats = { limits, revocations, default_permissions: { pub: {}, sub: {} }, type: "account", version: 2 };
  return signJwt({ sub: publicKeyOf(seed), name, nats }, operatorSeed);
}

interface UserPlan {
  readonly name: string;
  readonly publicKey: string;
  readonly permissions: Permissions;
  readonly answers: boolean;
  readonly expiresAtMs?: number | undefined;
  readonly subscriptionsMax?: number;
  readonly messageBytesMax?: number;
}

function userJwt(accountSeed: string, plan: UserPlan): string {
  const { name, publicKey, permissions, answers, expiresAtMs } = plan;
  const nats = {
    pub: { allow: permissions.pub },
    sub: { allow: permissions.sub },
    ...(answers && { resp: ONE_ANSWER }),
    subs: plan.subscriptionsMax ?? UNLIMITED,
    data: UNLIMITED,
    payload: plan.messageBytesMax ?? UNLIMITED,
    type: "user",
    version: 2,
  };
  const exp = expiresAtMs === undefined ? undefined : Math.floor(expiresAtMs / 1000);
  return signJwt({ sub: publicKey, name, exp, nats }, accountSeed);
}

/** The roles that have the database behind them. */
export type HouseRole = "gateway" | "scheduler" | "hub";

const permissionsOf: Readonly<Record<HouseRole, Permissions>> = {
  gateway: gatewayPermissions,
  scheduler: schedulerPermissions,
  hub: hubPermissions,
};

/** The credential of all processes with a role. It does not run out: who has lost it revokes its key. */
export function issueRole(accountSeed: string, role: HouseRole): Credentials {
  const { publicKey, seed } = createKey("user");
  return {
    seed,
    jwt: userJwt(accountSeed, { name: role, publicKey, permissions: permissionsOf[role], answers: true }),
  };
}

/** The JWT of one runner, for the key that it has made itself. */
export function issueRunner(
  accountSeed: string,
  who: { readonly runner: string; readonly pool: string; readonly publicKey: string; readonly expiresAtMs: number },
): string {
  return userJwt(accountSeed, {
    ...{ name: who.runner, publicKey: who.publicKey, expiresAtMs: who.expiresAtMs, answers: true },
    permissions: runnerPermissions(who.runner, who.pool),
    subscriptionsMax: RUNNER_SUBSCRIPTIONS_MAX,
    messageBytesMax: RUNNER_MESSAGE_BYTES_MAX,
  });
}

/** A join token: what makes newcomers runners of a pool. Its key is what a rotation revokes. */
export function issueJoinToken(
  accountSeed: string,
  pool: string,
  expiresAtMs?: number,
): { token: string; key: string } {
  const { publicKey, seed } = createKey("user");
  const jwt = userJwt(accountSeed, {
    ...{ name: `join ${pool}`, publicKey, expiresAtMs, answers: false },
    permissions: joinerPermissions(pool, publicKey),
    subscriptionsMax: 4,
    messageBytesMax: JOINER_MESSAGE_BYTES_MAX,
  });
  const content = Buffer.from(JSON.stringify({ pool, jwt, seed })).toString("base64url");
  return { token: `${JOIN_TOKEN_PREFIX}${content}`, key: publicKey };
}

const JOIN_TOKEN_PREFIX = "mrj1.";

/** What a join token says. Undefined for a text that is none. */
export function readJoinToken(
  token: string,
): (Credentials & { readonly pool: string; readonly key: string }) | undefined {
  if (!token.startsWith(JOIN_TOKEN_PREFIX)) return undefined;
  try {
    const text = Buffer.from(token.slice(JOIN_TOKEN_PREFIX.length), "base64url").toString("utf8");
    const { pool, jwt, seed } = JSON.parse(text) as { pool: string; jwt: string; seed: string };
    return { pool, jwt, seed, key: publicKeyOf(seed) };
  } catch {
    return undefined;
  }
}

/** Who may tell the servers of a changed account: for a moment, and nothing else. */
export function issueAccountKeeper(keys: NatsKeys): Credentials {
  const { publicKey, seed } = createKey("user");
  const permissions = {
    pub: ["$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"],
    sub: ["_INBOX.>"],
  };
  const plan = { name: "keeper", publicKey, permissions, answers: false, expiresAtMs: Date.now() + 60_000 };
  return { seed, jwt: userJwt(keys.systemSeed, plan) };
}

/** A credentials file as NATS' own tools write it. */
export function formatCredentials({ jwt, seed }: Credentials): string {
  const block = (kind: string, text: string) => `-----BEGIN ${kind}-----\n${text}\n------END ${kind}------\n`;
  return `${block("NATS USER JWT", jwt)}\n${block("USER NKEY SEED", seed)}`;
}
