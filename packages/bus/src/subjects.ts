import { PlatformError } from "@millrace/core";

const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/** A name may stand in a subject only when it is one plain token: a dot or a wildcard would address others. */
function token(name: string): string {
  if (TOKEN.test(name)) return name;
  throw new PlatformError(
    "InvalidArgument",
    "INVALID_SUBJECT_TOKEN",
    `"${name.slice(0, 80)}" cannot name a sender or receiver`,
  );
}

/** What gateways and owners send to the owner of a partition. */
export type PartitionKind = "submit" | "cancel" | "resume";
/** What runners send to the owner of a partition. */
export type RunnerToOwnerKind = "checkpoint" | "refused";
/** What is sent to one runner. */
export type RunnerKind = "assign" | "renew" | "committed" | "check" | "packages" | "drain";
/** What owners send to one gateway. */
export type GatewayKind = "accepted" | "release" | "reassigned" | "ended" | "cancelled" | "resumed" | "changed";
/** What runners send to one gateway. */
export type RunnerToGatewayKind = "answer" | "call";
/** What runners ask of any gateway. */
export type ServiceKind = "version" | "environment" | "call" | "object.read" | "object.write";

/** In the place of a runner's name: whichever sends. */
export const ANYONE = "*";

/** A runner's name, or `ANYONE`. */
function sender(runner: string): string {
  return runner === ANYONE ? runner : token(runner);
}

/**
 * Every subject of the house is made here; nothing else spells one. What runners say ends with the runner's name: NATS lets
 * each of them publish under its own name alone, so receivers know by the subject who speaks.
 */
export const subjects = {
  /** To the owner of a partition. */
  partition: (partition: number, kind: PartitionKind): string => `millrace.p.${partition}.${kind}`,
  /** To one runner. */
  runner: (runner: string, kind: RunnerKind): string => `millrace.r.${token(runner)}.${kind}`,
  /** From a runner to the owner of a partition. */
  runnerToOwner: (partition: number, kind: RunnerToOwnerKind, runner: string): string =>
    `millrace.p.${partition}.${kind}.${sender(runner)}`,
  /** To one gateway. */
  gateway: (gateway: string, kind: GatewayKind): string => `millrace.g.${token(gateway)}.${kind}`,
  /** From a runner to one gateway. */
  runnerToGateway: (gateway: string, kind: RunnerToGatewayKind, runner: string): string =>
    `millrace.g.${token(gateway)}.${kind}.${sender(runner)}`,
  /** From a runner to any gateway. */
  service: (kind: ServiceKind, runner: string): string => `millrace.svc.${kind}.${sender(runner)}`,
  /** For a credential, with a join token: its key stands in place of a runner's name. */
  join: (pool: string, key: string): string => `millrace.join.${sender(pool)}.${sender(key)}`,
  /** For a further credential, by a runner that has one. */
  renewCredential: (pool: string, runner: string): string => `millrace.credential.${sender(pool)}.${sender(runner)}`,
  /** What a runner offers to one scheduler. */
  offer: (scheduler: string, runner: string): string => `millrace.s.${token(scheduler)}.offer.${sender(runner)}`,
  /** A scheduler's lease names other partitions than before, or is gone; to every scheduler. */
  leaseChanged: (): string => "millrace.schedulers.lease",
  /** Partitions were let go; to every scheduler. */
  partitionsReleased: (): string => "millrace.schedulers.released",
  /** How much there is to do; asked of every scheduler. */
  poolLoads: (): string => "millrace.schedulers.loads",
  /** Partitions have a new owner; to every gateway and runner. */
  ownersMoved: (): string => "millrace.owners",
  /** Heartbeats of a pool's runner, to every scheduler. */
  heartbeat: (pool: string, runner: string): string =>
    `millrace.schedulers.heartbeat.${sender(pool)}.${sender(runner)}`,
  /** Which database server is the primary; between gateways and schedulers. */
  primaryFound: (): string => "millrace.primary",
  /** Changes of definitions, to every gateway. */
  definitions: (): string => "millrace.definitions",
  /** A gateway that has just started wants to know who is there; to every runner. */
  rollCall: (): string => "millrace.runners.rollcall",
  /** Definitions have changed, to every runner. */
  definitionsForRunners: (): string => "millrace.runners.definitions",
  /** Log lines of one run; kept by the stream `LOGS`. */
  logs: (partition: number, runId: string, runner: string): string =>
    `millrace.logs.${partition}.${token(runId)}.${sender(runner)}`,
  /** Log lines of one run, when its partition is not known. */
  logsOfRun: (runId: string): string => `millrace.logs.*.${token(runId)}.*`,
  /** Log lines of all runs of one partition. */
  logsOfPartition: (partition: number): string => `millrace.logs.${partition}.*.*`,
  /** Log lines of all runs. */
  allLogs: (): string => "millrace.logs.>",
} as const;

/** Who has sent a runner's message, as NATS has checked it. */
export function runnerOf(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

/** The pool of who has sent a message whose subject ends with pool and runner. */
export function poolOf(subject: string): string {
  return subject.split(".").at(-2) ?? "";
}

/** Groups whose members share the requests to a service. */
export const queueGroups = { gateways: "gateways" } as const;
