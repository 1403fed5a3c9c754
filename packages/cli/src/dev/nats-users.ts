import type { NatsUser } from "@millrace/provision";

// Replies to requests.
const replies = "_INBOX.>";

/**
 * Who may connect to the house's NATS server, and what for. Gateways and schedulers are trusted alike. A runner is not: it
 * hears what is meant for runners and says what runners say, and can neither pose as an owner or a gateway nor read
 * what others send to them.
 */
export function natsUsers(
  passwords: Readonly<Record<"gateway" | "scheduler" | "runner", string>>,
): readonly NatsUser[] {
  return [
    { user: "gateway", password: passwords.gateway },
    { user: "scheduler", password: passwords.scheduler },
    {
      user: "runner",
      password: passwords.runner,
      permissions: {
        publish: {
          allow: [
            "millrace.p.*.checkpoint.*",
            "millrace.p.*.refused.*",
            "millrace.schedulers.heartbeat.>",
            "millrace.s.*.offer.*",
            "millrace.g.*.answer.*",
            "millrace.g.*.call.*",
            "millrace.svc.>",
            "millrace.logs.>",
          ],
        },
        // It hears that definitions have changed (not what), so that changed variables count at the next start.
        subscribe: {
          allow: [
            replies,
            "millrace.r.>",
            "millrace.pools.>",
            "millrace.svc.check",
            "millrace.definitions",
            "millrace.owners",
          ],
        },
        allow_responses: true,
      },
    },
  ];
}
