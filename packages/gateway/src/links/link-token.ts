import { timingSafeEqual } from "node:crypto";
import type { messages, RunTokenMac } from "@millrace/core";

/** What a link stands for: one way to end one pause of one run. */
export interface LinkClaims {
  readonly runId: string;
  readonly partition: number;
  /** Address of the step run that pauses. */
  readonly path: string;
  readonly action: messages.ResumeAction;
  /** Ms since 1970. */
  readonly expiresAtMs: number;
}

const PREFIX = "mrl1";
const TOKEN_LENGTH_MAX = 1024;

/** Makes the token of a link: `mrl1.<claims>.<mac>`, both parts in base64url. */
export function encodeLinkToken({ runId, partition, path, action, expiresAtMs }: LinkClaims, mac: RunTokenMac): string {
  const fields = JSON.stringify([runId, partition, path, action, expiresAtMs]);
  const signed = `${PREFIX}.${Buffer.from(fields).toString("base64url")}`;
  return `${signed}.${Buffer.from(mac(Buffer.from(signed))).toString("base64url")}`;
}

/** Reads a token; undefined unless this house has made it. Whether it has expired is for the caller to see. */
export function readLinkToken(token: string, mac: RunTokenMac): LinkClaims | undefined {
  const end = token.lastIndexOf(".");
  if (token.length > TOKEN_LENGTH_MAX || end < 0 || !token.startsWith(`${PREFIX}.`)) return undefined;
  const signed = token.slice(0, end);
  const expected = mac(Buffer.from(signed));
  const given = Buffer.from(token.slice(end + 1), "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const text = Buffer.from(signed.slice(PREFIX.length + 1), "base64url").toString("utf8");
  const [runId, partition, path, action, expiresAtMs] = JSON.parse(text) as [
    string,
    number,
    string,
    messages.ResumeAction,
    number,
  ];
  return { runId, partition, path, action, expiresAtMs };
}
