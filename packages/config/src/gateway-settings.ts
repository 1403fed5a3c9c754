import { apiSettings } from "./api-settings.ts";
import { commonSettings, databaseSettings } from "./common-settings.ts";
import { fileSettings } from "./file-settings.ts";
import { choice, flag, integer, optionalText, optionalUrl, requiredText, text } from "./setting.ts";

/** Settings of a gateway. */
export const gatewaySettings = {
  ...commonSettings,
  ...databaseSettings,
  ...fileSettings,
  ...apiSettings,
  natsAccountKey: optionalText({
    env: "MILLRACE_NATS_ACCOUNT_KEY",
    description:
      "Private key (NKey seed) of the house's account at NATS: gateways that have it issue the credentials of runners.",
    pattern: /^SA[A-Z2-7]{56}$/,
    range: "an account's NKey seed",
    secret: true,
  }),
  runnerCredentialLifeMs: integer({
    env: "MILLRACE_RUNNER_CREDENTIAL_LIFE_MS",
    description:
      "How long a runner's credential lives; it is renewed from the half of it on, and outages of all gateways up to then harm no runner.",
    default: 3_600_000,
    min: 4_000,
    max: 30 * 86_400_000,
    unit: "ms",
  }),
  host: text({
    env: "MILLRACE_HOST",
    description: "Address that the HTTP and gRPC ports listen on.",
    default: "127.0.0.1",
  }),
  httpPort: integer({
    env: "MILLRACE_HTTP_PORT",
    description: "Port of triggers and the HTTP/JSON API; 0 takes a free one and logs it.",
    default: 8080,
    min: 0,
    max: 65_535,
  }),
  grpcPort: integer({
    env: "MILLRACE_GRPC_PORT",
    description: "Port of the gRPC API; 0 takes a free one and logs it.",
    default: 8081,
    min: 0,
    max: 65_535,
  }),
  webDir: optionalText({
    env: "MILLRACE_WEB_DIR",
    description:
      "Folder of the built web app, served at `/`. Without it the gateway serves the API and triggers alone.",
  }),
  tlsCertFile: optionalText({
    env: "MILLRACE_TLS_CERT_FILE",
    description:
      "Path of a certificate with its chain, as PEM, for the HTTP and gRPC ports; a renewed one is taken within seconds. Without it they speak in the clear, for a proxy in front of them.",
  }),
  tlsKeyFile: optionalText({
    env: "MILLRACE_TLS_KEY_FILE",
    description: "Path of the certificate's key, as PEM.",
    fits: ({ tlsCertFile, tlsKeyFile }) =>
      (tlsCertFile === undefined) === (tlsKeyFile === undefined)
        ? undefined
        : "goes together with MILLRACE_TLS_CERT_FILE",
  }),
  publicUrl: optionalUrl({
    env: "MILLRACE_PUBLIC_URL",
    description:
      "Address under which people reach the HTTP port; stands in the triggers' addresses. Default: host and port.",
    schemes: ["http", "https"],
  }),
  masterKey: requiredText({
    env: "MILLRACE_MASTER_KEY",
    description:
      "Encrypts environment variables and accounts in the database; the same in all gateways, given to nobody else. Several keys are separated by commas: the first encrypts, each of them decrypts.",
    pattern: /^[0-9a-fA-F]{64}(\s*,\s*[0-9a-fA-F]{64}){0,9}$/,
    range: "64 hex digits (32 bytes), up to 10 times",
    secret: true,
  }),
  providerPrivateAddresses: flag({
    env: "MILLRACE_PROVIDER_PRIVATE_ADDRESSES",
    description:
      "Let gateways talk to providers of accounts at loopback and private addresses too; only where everybody with an API key may reach those.",
    default: false,
  }),
  providerTimeoutMs: integer({
    env: "MILLRACE_PROVIDER_TIMEOUT_MS",
    description: "For one request to the provider of an account, such as refreshing its token.",
    default: 10_000,
    min: 500,
    max: 60_000,
    unit: "ms",
  }),
  tokenFreshMs: integer({
    env: "MILLRACE_TOKEN_FRESH_MS",
    description: "An account's token that lives shorter than this when a step asks for it is refreshed before.",
    default: 120_000,
    min: 0,
    max: 3_600_000,
    unit: "ms",
  }),
  authorizationLifeMs: integer({
    env: "MILLRACE_AUTHORIZATION_LIFE_MS",
    description: "How long a person has to allow an account at its provider.",
    default: 900_000,
    min: 10_000,
    max: 86_400_000,
    unit: "ms",
  }),
  bodyLimitBytes: integer({
    env: "MILLRACE_BODY_LIMIT_BYTES",
    description: "Largest body of a request to a trigger; a larger one gets 413.",
    default: 50 * 1024 * 1024,
    min: 0,
    max: 1024 ** 3,
    unit: "bytes",
  }),
  eventBytesMax: integer({
    env: "MILLRACE_EVENT_BYTES_MAX",
    description: "Largest event as JSON, however it comes; a larger one gets 413 or INVALID_ARGUMENT.",
    default: 50 * 1024 * 1024,
    min: 64 * 1024,
    max: 150 * 1024 * 1024,
    unit: "bytes",
  }),
  objectBytesMax: integer({
    env: "MILLRACE_OBJECT_BYTES_MAX",
    description:
      "Largest payload, or saved /tmp, that a runner may hand in; at least MILLRACE_RESULT_BYTES_MAX of the runners.",
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    max: 1024 ** 3,
    unit: "bytes",
  }),
  requestBytesMax: integer({
    env: "MILLRACE_REQUEST_BYTES_MAX",
    description: "Most bytes of request bodies in memory, all callers together; more get 503.",
    default: 256 * 1024 * 1024,
    min: 64 * 1024,
    max: 64 * 1024 ** 3,
    unit: "bytes",
  }),
  headerLimitBytes: integer({
    env: "MILLRACE_HEADER_LIMIT_BYTES",
    description: "Most bytes of a request's headers; more get 431.",
    default: 32 * 1024,
    min: 1_024,
    max: 1024 * 1024,
    unit: "bytes",
  }),
  connectionsMax: integer({
    env: "MILLRACE_CONNECTIONS_MAX",
    description: "Most connections to the HTTP port at the same time; further ones are closed at once.",
    default: 20_000,
    min: 1,
    max: 1_000_000,
  }),
  trustedProxies: integer({
    env: "MILLRACE_TRUSTED_PROXIES",
    description:
      "Proxies of the operator's own in front of the HTTP port, each adding to X-Forwarded-For; 0 ignores it.",
    default: 0,
    min: 0,
    max: 20,
  }),
  httpWaitMs: integer({
    env: "MILLRACE_HTTP_WAIT_MS",
    description: "How long an HTTP caller waits for a workflow's answer; the run goes on after it.",
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: "ms",
  }),
  answerDelayMs: integer({
    env: "MILLRACE_ANSWER_DELAY_MS",
    description:
      "How much longer than its run takes a caller may be made to wait for a workflow's answer, or three times that run, whichever is longer. When all of a workflow's callers wait longer, some are refused with 503 until the others do not.",
    default: 50,
    min: 5,
    max: 600_000,
    unit: "ms",
  }),
  requestTimeoutMs: integer({
    env: "MILLRACE_REQUEST_TIMEOUT_MS",
    description: "For receiving a whole request; of an upload through the API, the longest pause in it.",
    default: 60_000,
    min: 1_000,
    max: 600_000,
    unit: "ms",
  }),
  uploadTimeoutMs: integer({
    env: "MILLRACE_UPLOAD_TIMEOUT_MS",
    description: "For receiving a whole upload through the API.",
    default: 3_600_000,
    min: 1_000,
    max: 86_400_000,
    unit: "ms",
  }),
  cutOffAfterMs: integer({
    env: "MILLRACE_CUT_OFF_AFTER_MS",
    description:
      "Without a connection to NATS for so long, a gateway answers submits, cancels and resumes with 503 at once, until it has one.",
    default: 3_000,
    min: 100,
    max: 120_000,
    unit: "ms",
  }),
  submitTimeoutMs: integer({
    env: "MILLRACE_SUBMIT_TIMEOUT_MS",
    description: "How long a submit is tried before its caller gets 503.",
    default: 8_000,
    min: 100,
    max: 120_000,
    unit: "ms",
  }),
  submitResendMs: integer({
    env: "MILLRACE_SUBMIT_RESEND_MS",
    description: "After which a submit or cancel without an acknowledgement is sent again.",
    default: 600,
    min: 50,
    max: 10_000,
    unit: "ms",
  }),
  waitingRequestsMax: integer({
    env: "MILLRACE_WAITING_REQUESTS_MAX",
    description: "Most callers that wait for a run at the same time; more get 503.",
    default: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  smtpUrl: optionalText({
    env: "MILLRACE_SMTP_URL",
    description:
      "Mail server for `pd.send.email`, such as smtp://user:password@mail.example.org:587; without it steps cannot send mail.",
    pattern: /^smtps?:\/\/[^\s/]+\/?$/,
    range: "smtp://… or smtps://…",
    secret: true,
  }),
  smtpFrom: text({
    env: "MILLRACE_SMTP_FROM",
    description: "Sender of the mails of steps: an address, or a name with the address in angle brackets.",
    default: "Millrace <millrace@localhost>",
    pattern: /^[^\r\n]{3,320}$/,
    range: "one line",
  }),
  smtpTimeoutMs: integer({
    env: "MILLRACE_SMTP_TIMEOUT_MS",
    description: "For the mail server to take one mail; then its step gets an error.",
    default: 10_000,
    min: 500,
    max: 60_000,
    unit: "ms",
  }),
  emailsPerMinute: integer({
    env: "MILLRACE_EMAILS_PER_MINUTE",
    description:
      "Mails that the steps of one project may send through one gateway in a minute; further ones are errors.",
    default: 60,
    min: 1,
    max: 100_000,
  }),
  streamStallMs: integer({
    env: "MILLRACE_STREAM_STALL_MS",
    description: "A client that takes nothing of an answer that is being streamed for so long is given up.",
    default: 60_000,
    min: 100,
    max: 3_600_000,
    unit: "ms",
  }),
  streamBytesMax: integer({
    env: "MILLRACE_STREAM_BYTES_MAX",
    description: "Most bytes of streamed answers that wait for slow clients, all together; their steps wait meanwhile.",
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    max: 4 * 1024 ** 3,
    unit: "bytes",
  }),
  grpcMessageBytesMax: integer({
    env: "MILLRACE_GRPC_MESSAGE_BYTES_MAX",
    description: "Largest message of the gRPC API.",
    default: 64 * 1024 * 1024,
    min: 64 * 1024,
    max: 256 * 1024 * 1024,
    unit: "bytes",
  }),
  definitionsCheckMs: integer({
    env: "MILLRACE_DEFINITIONS_CHECK_MS",
    description: "Between two looks whether the definitions in memory are the newest.",
    default: 5_000,
    min: 100,
    max: 600_000,
    unit: "ms",
  }),
  packageUrls: choice({
    env: "MILLRACE_PACKAGE_URLS",
    description: "Whether a requirement may name an address (`name @ https://…`) instead of a package of the index.",
    words: ["refused", "allowed"],
    default: "refused",
  }),
  replaysPerSecond: integer({
    env: "MILLRACE_REPLAYS_PER_SECOND",
    description: "Dead letters that a gateway replays in a second when many are replayed at once.",
    default: 50,
    min: 1,
    max: 10_000,
  }),
  tailReadersMax: integer({
    env: "MILLRACE_TAIL_READERS_MAX",
    description: "Most readers of live logs and runs at the same time; more get RESOURCE_EXHAUSTED.",
    default: 200,
    min: 1,
    max: 10_000,
  }),
  dataStoreBytesMax: integer({
    env: "MILLRACE_DATA_STORE_BYTES_MAX",
    description: "Most bytes of keys and values in one data store.",
    default: 1024 ** 3,
    min: 1024,
    max: 1024 ** 5,
    unit: "bytes",
  }),
  storageBytesMax: integer({
    env: "MILLRACE_STORAGE_BYTES_MAX",
    description:
      "Most bytes that one project stores beside its runs: large values, uploads, files, data stores and remembered writes together; more are refused.",
    default: 50 * 1024 ** 3,
    min: 1024 ** 2,
    max: 1024 ** 5,
    unit: "bytes",
  }),
  callsMax: integer({
    env: "MILLRACE_CALLS_MAX",
    description: "Calls of user code (data stores, files, …) under way in this gateway; further ones come again later.",
    default: 1_000,
    min: 1,
    max: 100_000,
  }),
} as const;
