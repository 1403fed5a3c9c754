import { ANYONE, subjects } from "../subjects.ts";

/** What a user may say and hear, in NATS' own notation. */
export interface Permissions {
  readonly pub: readonly string[];
  readonly sub: readonly string[];
}

/** Where the answers to requests go: everybody's own place, which nobody else may listen to. */
export const inboxes = {
  gateway: "millrace.inbox.gateway",
  scheduler: "millrace.inbox.scheduler",
  hub: "millrace.inbox.hub",
  runner: (runner: string): string => `millrace.inbox.runner.${runner}`,
  joiner: (key: string): string => `millrace.inbox.joiner.${key}`,
} as const;

const LEASES = "KV_millrace_leases";
/** Those of single servers in a cluster. */
const SERVER_LEASES = ["LEASES_0", "LEASES_1", "LEASES_2"] as const;

/** A runner speaks under its own name, hears what is meant for it, and adds its own lines to the log stream. */
export function runnerPermissions(runner: string, pool: string): Permissions {
  return {
    pub: [
      `millrace.p.*.checkpoint.${runner}`,
      `millrace.p.*.refused.${runner}`,
      subjects.heartbeat(pool, runner),
      `millrace.s.*.offer.${runner}`,
      `millrace.g.*.answer.${runner}`,
      `millrace.g.*.call.${runner}`,
      subjects.service("version", runner),
      subjects.service("environment", runner),
      subjects.service("call", runner),
      subjects.service("object.read", runner),
      subjects.service("object.write", runner),
      subjects.renewCredential(pool, runner),
      `millrace.logs.*.*.${runner}`,
    ],
    sub: [`millrace.r.${runner}.*`, "millrace.runners.*", subjects.ownersMoved(), `${inboxes.runner(runner)}.>`],
  };
}

/** Who has a join token may ask for a credential in its pool, and nothing else. */
export function joinerPermissions(pool: string, key: string): Permissions {
  return { pub: [subjects.join(pool, key)], sub: [`${inboxes.joiner(key)}.>`] };
}

/** Gateways hand runs in, answer runners and show logs. */
export const gatewayPermissions: Permissions = {
  pub: [
    ...["submit", "cancel", "resume"].map((kind) => `millrace.p.*.${kind}`),
    ...["check", "packages", "drain"].map((kind) => `millrace.r.*.${kind}`),
    subjects.definitions(),
    subjects.primaryFound(),
    "millrace.runners.*",
    subjects.poolLoads(),
    "$JS.API.STREAM.INFO.LOGS",
    "$JS.API.CONSUMER.CREATE.LOGS.>",
    "$JS.API.CONSUMER.INFO.LOGS.*",
    "$JS.API.CONSUMER.DELETE.LOGS.*",
    "$JS.API.CONSUMER.MSG.NEXT.LOGS.*",
    ...[LEASES, ...SERVER_LEASES].map((stream) => `$JS.API.DIRECT.GET.${stream}`),
    "$JS.FC.LOGS.>",
  ],
  sub: [
    "millrace.g.>",
    "millrace.svc.>",
    subjects.join(ANYONE, ANYONE),
    subjects.renewCredential(ANYONE, ANYONE),
    subjects.definitions(),
    subjects.heartbeat(ANYONE, ANYONE),
    subjects.ownersMoved(),
    subjects.primaryFound(),
    `${inboxes.gateway}.>`,
  ],
};

/** Schedulers own partitions: they hand runs to runners, tell gateways, keep leases, and move log lines to the record. */
export const schedulerPermissions: Permissions = {
  pub: [
    ...["submit", "cancel", "resume"].map((kind) => `millrace.p.*.${kind}`),
    ...["assign", "renew", "committed"].map((kind) => `millrace.r.*.${kind}`),
    "millrace.g.*.*",
    subjects.leaseChanged(),
    subjects.partitionsReleased(),
    subjects.ownersMoved(),
    subjects.primaryFound(),
    "$KV.millrace_leases.*",
    "millrace.leases.*.*",
    ...["LOGS", LEASES, ...SERVER_LEASES].flatMap((stream) =>
      ["CREATE", "UPDATE", "INFO"].map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
    ),
    `$JS.API.STREAM.PURGE.${LEASES}`,
    ...[LEASES, ...SERVER_LEASES].map((stream) => `$JS.API.DIRECT.GET.${stream}`),
    "$JS.API.CONSUMER.CREATE.LOGS.>",
    "$JS.API.CONSUMER.DURABLE.CREATE.LOGS.*",
    "$JS.API.CONSUMER.INFO.LOGS.*",
    "$JS.API.CONSUMER.MSG.NEXT.LOGS.*",
    "$JS.ACK.LOGS.>",
  ],
  sub: [
    "millrace.p.>",
    "millrace.s.>",
    "millrace.schedulers.>",
    subjects.primaryFound(),
    ...["accepted", "resumed", "cancelled"].map((kind) => `millrace.g.*.${kind}`),
    `${inboxes.scheduler}.>`,
  ],
};

/** A hub is a gateway and a scheduler, over one connection. */
export const hubPermissions: Permissions = {
  pub: [...new Set([...gatewayPermissions.pub, ...schedulerPermissions.pub])],
  sub: [...new Set([...gatewayPermissions.sub, ...schedulerPermissions.sub])]
    .filter((subject) => !subject.startsWith("millrace.inbox."))
    .concat(`${inboxes.hub}.>`),
};
