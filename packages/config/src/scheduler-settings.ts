import { commonSettings, databaseSettings } from "./common-settings.ts";
import { choice, integer } from "./setting.ts";

/** Settings of a scheduler. */
export const schedulerSettings = {
  ...commonSettings,
  ...databaseSettings,
  leaseTtlMs: integer({
    env: "MILLRACE_LEASE_TTL_MS",
    description: "How long a scheduler's lease lives; the same in all schedulers.",
    default: 2_000,
    min: 500,
    max: 60_000,
    unit: "ms",
  }),
  leaseRenewMs: integer({
    env: "MILLRACE_LEASE_RENEW_MS",
    description: "Between two renewals of the lease; at most a quarter of its life.",
    default: 500,
    min: 100,
    max: 15_000,
    unit: "ms",
    fits: ({ leaseTtlMs, leaseRenewMs }) =>
      Number(leaseRenewMs) * 4 <= Number(leaseTtlMs) ? undefined : "must be at most a quarter of MILLRACE_LEASE_TTL_MS",
  }),
  natsReplicas: choice({
    env: "MILLRACE_NATS_REPLICAS",
    description:
      "Copies of log lines in a NATS cluster; `auto` is 3 where there are three servers, else 1, and more are made when the cluster grows. With `auto` and 3 leases are held by three servers that have tags for it, else by one bucket with as many copies; the same in all schedulers.",
    words: ["auto", "1", "3", "5"],
    default: "auto",
  }),
  commitChangesMax: integer({
    env: "MILLRACE_COMMIT_CHANGES_MAX",
    description: "Most changes in one commit; the rest goes with the next.",
    default: 500,
    min: 1,
    max: 10_000,
  }),
  commitWaitingMax: integer({
    env: "MILLRACE_COMMIT_WAITING_MAX",
    description: "Most changes that wait for a commit; more submits are told to come again.",
    default: 20_000,
    min: 100,
    max: 1_000_000,
  }),
  submitGivenUpMs: integer({
    env: "MILLRACE_SUBMIT_GIVEN_UP_MS",
    description:
      "A submit that waits for its commit is left out when no copy of it has come for so long: its caller has been told that nothing is known of it.",
    default: 6_000,
    min: 5_500,
    max: 600_000,
    unit: "ms",
  }),
  projectQueueLimit: integer({
    env: "MILLRACE_PROJECT_QUEUE_LIMIT",
    description: "Most waiting runs of a project that sets no limit of its own; the same in all schedulers.",
    default: 1_000_000,
    min: 1,
    max: 100_000_000,
  }),
  queueHeadRuns: integer({
    env: "MILLRACE_QUEUE_HEAD_RUNS",
    description: "Most waiting runs of a workflow that a scheduler has in memory; the others wait in the record.",
    default: 256,
    min: 2,
    max: 100_000,
  }),
  queueHeadBytes: integer({
    env: "MILLRACE_QUEUE_HEAD_BYTES",
    description: "Most bytes of them.",
    default: 4 * 1024 ** 2,
    min: 64 * 1024,
    max: 1024 ** 3,
    unit: "bytes",
  }),
  sharedHeadRuns: integer({
    env: "MILLRACE_SHARED_HEAD_RUNS",
    description:
      "Waiting runs of all workflows together that a scheduler has in memory, though one workflow has more than its own; 0 means none.",
    default: 8_192,
    min: 0,
    max: 1_000_000,
  }),
  sharedHeadBytes: integer({
    env: "MILLRACE_SHARED_HEAD_BYTES",
    description: "Most bytes of them.",
    default: 16 * 1024 ** 2,
    min: 0,
    max: 1024 ** 3,
    unit: "bytes",
  }),
  logStreamBytesMax: integer({
    env: "MILLRACE_LOG_STREAM_BYTES_MAX",
    description: "Size of the stream that carries log lines; the oldest lines go first.",
    default: 1024 ** 3,
    min: 1024 * 1024,
    max: 1024 ** 4,
    unit: "bytes",
  }),
  logStreamAgeMs: integer({
    env: "MILLRACE_LOG_STREAM_AGE_MS",
    description: "Age at which log lines leave the stream.",
    default: 24 * 3_600_000,
    min: 60_000,
    max: 30 * 24 * 3_600_000,
    unit: "ms",
  }),
  historyDays: integer({
    env: "MILLRACE_HISTORY_DAYS",
    description:
      "Days that ended runs are kept, with their logs, where neither their workflow nor their project says else.",
    default: 30,
    min: 1,
    max: 3_650,
    unit: "days",
  }),
  historyDaysMax: integer({
    env: "MILLRACE_HISTORY_DAYS_MAX",
    description: "Most days that ended runs are kept, whatever workflows and projects say.",
    default: 3_650,
    min: 1,
    max: 3_650,
    unit: "days",
  }),
  historyRuns: integer({
    env: "MILLRACE_HISTORY_RUNS",
    description:
      "Most ended runs of a workflow that are kept, the newest, where neither it nor its project says else; 0 for any number.",
    default: 0,
    min: 0,
    max: 1_000_000,
  }),
  objectGraceMs: integer({
    env: "MILLRACE_OBJECT_GRACE_MS",
    description: "How long content that nobody keeps (large payloads, uploads, files) stays before it is removed.",
    default: 3_600_000,
    min: 60_000,
    max: 30 * 24 * 3_600_000,
    unit: "ms",
  }),
} as const;
