import { integer, text } from "./setting.ts";

const DAY_MS = 86_400_000;

/** Settings of the HTTP/JSON API and of signing in. */
export const apiSettings = {
  corsOrigins: text({
    env: "MILLRACE_CORS_ORIGINS",
    description:
      "Origins, separated by commas, whose pages may call the HTTP/JSON API with a key of their own; never with cookies.",
    default: "",
    pattern: /^$|^https?:\/\/[^\s,/]+(\s*,\s*https?:\/\/[^\s,/]+)*$/,
    range: "origins such as https://example.org",
  }),
  eventHeartbeatMs: integer({
    env: "MILLRACE_EVENT_HEARTBEAT_MS",
    description: "How often a stream of server-sent events says that it is alive while nothing happens.",
    default: 15_000,
    min: 100,
    max: 600_000,
    unit: "ms",
  }),
  sessionIdleMs: integer({
    env: "MILLRACE_SESSION_IDLE_MS",
    description: "A session that is not used for so long is over.",
    default: 7 * DAY_MS,
    min: 1_000,
    max: 366 * DAY_MS,
    unit: "ms",
  }),
  sessionLifeMs: integer({
    env: "MILLRACE_SESSION_LIFE_MS",
    description: "A session is over after so long, however much it is used.",
    default: 30 * DAY_MS,
    min: 1_000,
    max: 366 * DAY_MS,
    unit: "ms",
  }),
  signInFailuresMax: integer({
    env: "MILLRACE_SIGN_IN_FAILURES_MAX",
    description:
      "Failed attempts to sign in as one user within five minutes at one gateway; from one address five times as many.",
    default: 10,
    min: 1,
    max: 10_000,
  }),
};
