import { choice, databaseUrl, flag, integer, optionalText, optionalUrl, requiredText, text, url } from "./setting.ts";

/** Names stand in NATS subjects and in lease keys, so they are plain. */
export const NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** For people. */
export const NAME_RANGE = "1 to 64 letters, digits, - and _";

/** What every process has. */
export const commonSettings = {
  name: optionalText({
    env: "MILLRACE_NAME",
    description:
      "Name of this process among its kind; unique in the house. Default: made from the host's name and at random.",
    pattern: NAME_PATTERN,
    range: NAME_RANGE,
  }),
  natsUrl: url({
    env: "MILLRACE_NATS_URL",
    description: "Where NATS is; several servers of a cluster are separated by commas.",
    schemes: ["nats", "tls"],
    default: "nats://127.0.0.1:4222",
  }),
  natsUser: optionalText({ env: "MILLRACE_NATS_USER", description: "User at NATS." }),
  natsPassword: optionalText({ env: "MILLRACE_NATS_PASSWORD", description: "Password at NATS.", secret: true }),
  natsCredentialsFile: optionalText({
    env: "MILLRACE_NATS_CREDENTIALS_FILE",
    description: "Path of a NATS credentials file, instead of user and password.",
  }),
  natsCaFile: optionalText({
    env: "MILLRACE_NATS_CA_FILE",
    description: "Path of the authorities, as PEM, that the NATS servers' certificates are checked by.",
  }),
  natsCertFile: optionalText({
    env: "MILLRACE_NATS_CERT_FILE",
    description: "Path of a certificate, as PEM, for NATS servers that ask their clients for one.",
  }),
  natsKeyFile: optionalText({
    env: "MILLRACE_NATS_KEY_FILE",
    description: "Path of the key of that certificate.",
  }),
  healthHost: text({
    env: "MILLRACE_HEALTH_HOST",
    description: "Address that the health port listens on.",
    default: "127.0.0.1",
  }),
  healthPort: integer({
    env: "MILLRACE_HEALTH_PORT",
    description: "Port of /livez, /readyz, /status and /metrics; 0 takes a free one and logs it.",
    default: 0,
    min: 0,
    max: 65_535,
  }),
  logLevel: choice({
    env: "MILLRACE_LOG_LEVEL",
    description: "Least important log lines that are written.",
    words: ["debug", "info", "warn", "error"],
    default: "info",
  }),
  otlpEndpoint: optionalUrl({
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    description: "Base URL of an OTLP/HTTP receiver of traces; tracing is off without one.",
    schemes: ["http", "https"],
  }),
  drainTimeoutMs: integer({
    env: "MILLRACE_DRAIN_TIMEOUT_MS",
    description: "How long a stop waits for work under way before it ends it.",
    default: 25_000,
    min: 0,
    max: 3_600_000,
    unit: "ms",
  }),
  quietAfterMs: integer({
    env: "MILLRACE_QUIET_AFTER_MS",
    description:
      "Without work for so long, a process gives memory back that it has no use for, which stops it for some 100 ms; 0 for never.",
    default: 4_000,
    min: 0,
    max: 3_600_000,
    unit: "ms",
  }),
  exitWithParent: flag({
    env: "MILLRACE_EXIT_WITH_PARENT",
    description: "Stop when the process that started this one is gone.",
    default: false,
  }),
} as const;

/** What those have that write to Postgres. */
export const databaseSettings = {
  databaseUrl: databaseUrl({
    env: "MILLRACE_DATABASE_URL",
    description:
      "Postgres, with user and password. Of several servers, separated by commas, the one that is the primary is used.",
  }),
  tokenKey: requiredText({
    env: "MILLRACE_TOKEN_KEY",
    description:
      "Key of the tokens that prove a runner's assignment; the same in all gateways and schedulers, never given to a runner.",
    pattern: /^[0-9a-fA-F]{64}$/,
    range: "64 hex digits (32 bytes)",
    secret: true,
  }),
  databasePoolSize: integer({
    env: "MILLRACE_DATABASE_POOL_SIZE",
    description: "Most connections to Postgres.",
    default: 8,
    min: 1,
    max: 200,
  }),
  databaseTimeoutMs: integer({
    env: "MILLRACE_DATABASE_TIMEOUT_MS",
    description: "For one statement, after which its outcome counts as unknown.",
    default: 5_000,
    min: 100,
    max: 300_000,
    unit: "ms",
  }),
} as const;
