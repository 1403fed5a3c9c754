import { isIP } from "node:net";
import type { GatewaySettings } from "@millrace/config";

/** Something that an operator should know of. */
export interface EncryptionFinding {
  readonly reason: string;
  readonly message: string;
  readonly fatal: boolean;
}

type Checked = Pick<
  GatewaySettings,
  "natsUrl" | "databaseUrl" | "host" | "tlsCertFile" | "publicUrl" | "natsAccountKey" | "natsUser"
>;

/** What of this gateway's connections leaves the machine in the clear, or without knowing who is at the other end. */
export function checkEncryption(settings: Checked): EncryptionFinding[] {
  const { natsUrl, databaseUrl, host, tlsCertFile, publicUrl = "" } = settings;
  const findings: [boolean, string, string][] = [
    [
      natsUrl.split(",").some((url) => !url.trim().startsWith("tls:") && leavesMachine(url)),
      "NATS_IN_THE_CLEAR",
      "messages go to NATS in the clear: use tls:// in MILLRACE_NATS_URL",
    ],
    [
      leavesMachine(databaseUrl) && !/[?&]sslmode=verify-(full|ca)\b/.test(databaseUrl),
      "DATABASE_IN_THE_CLEAR",
      "the database's certificate is not checked: add sslmode=verify-full to MILLRACE_DATABASE_URL",
    ],
    [
      !isLoopback(host) && tlsCertFile === undefined && !publicUrl.startsWith("https:"),
      "DOORS_IN_THE_CLEAR",
      "HTTP and gRPC are served in the clear: set MILLRACE_TLS_CERT_FILE, or put a proxy with TLS in front and an https MILLRACE_PUBLIC_URL",
    ],
    [
      settings.natsUser !== undefined && settings.natsAccountKey === undefined,
      "RUNNERS_WITHOUT_IDENTITY",
      "runners share a user at NATS: give each an identity with MILLRACE_NATS_ACCOUNT_KEY and join tokens",
    ],
  ];
  return findings.filter(([holds]) => holds).map(([, reason, message]) => ({ reason, message, fatal: false }));
}

/** Whether any host of an address, which may name several, is another machine. */
function leavesMachine(url: string): boolean {
  const authority = /^[a-z]+:\/\/([^/?]*)/.exec(url.trim())?.[1] ?? "";
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  return hosts.some((host) => !isLoopback(host.replace(/:\d+$/, "")));
}

function isLoopback(host: string): boolean {
  const bare = host.replaceAll(/[[\]]/g, "");
  if (bare === "localhost" || bare === "") return true;
  return isIP(bare) === 4 ? bare.startsWith("127.") : bare === "::1";
}
