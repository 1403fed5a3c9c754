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

/** What is sent to the owner of a partition. */
export type PartitionKind = "submit" | "cancel" | "resume" | "checkpoint" | "refused";
/** What is sent to one runner. */
export type RunnerKind = "assign" | "renew" | "committed" | "packages" | "drain";
/** What is sent to one gateway. */
export type GatewayKind = "accepted" | "release" | "reassigned" | "ended" | "cancelled" | "resumed" | "answer" | "call";
/** Services that any member of a group answers. */
export type ServiceKind =
  "version" | "environment" | "check" | "call" | "object.read" | "object.write" | "packages" | "drain";

/** Every subject of the house is made here; nothing else spells one. */
export const subjects = {
  /** To the owner of a partition. */
  partition: (partition: number, kind: PartitionKind): string => `millrace.p.${partition}.${kind}`,
  /** To one runner. */
  runner: (runner: string, kind: RunnerKind): string => `millrace.r.${token(runner)}.${kind}`,
  /** To one runner of a pool. */
  poolPackages: (pool: string): string => `millrace.pools.${token(pool)}.packages`,
  /** To one gateway. */
  gateway: (gateway: string, kind: GatewayKind): string => `millrace.g.${token(gateway)}.${kind}`,
  /** To one member of a group that answers requests. */
  service: (kind: ServiceKind): string => `millrace.svc.${kind}`,
  /** What a runner offers to one scheduler. */
  offer: (scheduler: string, runner: string): string => `millrace.s.${token(scheduler)}.offer.${token(runner)}`,
  /** What all runners offer to one scheduler. */
  offersTo: (scheduler: string): string => `millrace.s.${token(scheduler)}.offer.*`,
  /** A scheduler's lease names other partitions than before, or is gone; to every scheduler. */
  leaseChanged: (): string => "millrace.schedulers.lease",
  /** How much there is to do; asked of every scheduler. */
  poolLoads: (): string => "millrace.schedulers.loads",
  /** Partitions have a new owner; to every gateway and runner. */
  ownersMoved: (): string => "millrace.owners",
  /** Heartbeats of runners, to every scheduler. */
  heartbeat: (): string => "millrace.schedulers.heartbeat",
  /** Changes of definitions, to every gateway. */
  definitions: (): string => "millrace.definitions",
  /** Log lines of one run; kept by the stream `LOGS`. */
  logs: (partition: number, runId: string): string => `millrace.logs.${partition}.${token(runId)}`,
  /** Log lines of one run, when its partition is not known. */
  logsOfRun: (runId: string): string => `millrace.logs.*.${token(runId)}`,
  /** Log lines of all runs of one partition. */
  logsOfPartition: (partition: number): string => `millrace.logs.${partition}.*`,
  /** Log lines of all runs. */
  allLogs: (): string => "millrace.logs.>",
} as const;

/** Groups whose members share the requests to a service. */
export const queueGroups = { gateways: "gateways", runners: "runners" } as const;
