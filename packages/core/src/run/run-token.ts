import { PlatformError } from "../errors.ts";

/** What a run token proves: this assignment, at this runner, until then, may ask for its own project's things. */
export interface RunTokenClaims {
  readonly projectId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly runId: string;
  readonly assignment: number;
  readonly runner: string;
  /** Ms since 1970. */
  readonly expiresAtMs: number;
}

/** HMAC-SHA256 with the house's token key, which schedulers and gateways have and runners lack. */
export type RunTokenMac = (data: Uint8Array) => Uint8Array;

const PREFIX = "mrt1";
const TOKEN_LENGTH_MAX = 2048;

/** Makes the token of an assignment: `mrt1.<claims>.<mac>`, both parts in base64url. */
export function encodeRunToken(claims: RunTokenClaims, mac: RunTokenMac): string {
  const fields = [
    claims.projectId,
    claims.workflowId,
    claims.versionId,
    claims.runId,
    claims.assignment,
    claims.runner,
    claims.expiresAtMs,
  ];
  const signed = `${PREFIX}.${Buffer.from(JSON.stringify(fields)).toString("base64url")}`;
  return `${signed}.${Buffer.from(mac(Buffer.from(signed))).toString("base64url")}`;
}

/**
 * Reads a token and checks its MAC, in constant time, and its expiry.
 *
 * @throws PlatformError `RUN_TOKEN_INVALID` or `RUN_TOKEN_EXPIRED`, both Unauthenticated
 */
export function verifyRunToken(token: string, mac: RunTokenMac, nowMs: number): RunTokenClaims {
  const end = token.lastIndexOf(".");
  if (token.length > TOKEN_LENGTH_MAX || end < 0 || !token.startsWith(`${PREFIX}.`)) throw invalidToken();
  const signed = token.slice(0, end);
  if (!equalBytes(mac(Buffer.from(signed)), Buffer.from(token.slice(end + 1), "base64url"))) throw invalidToken();
  const claims = decodeClaims(signed.slice(PREFIX.length + 1));
  if (claims.expiresAtMs <= nowMs) {
    throw new PlatformError("Unauthenticated", "RUN_TOKEN_EXPIRED", "the run token has expired");
  }
  return claims;
}

/**
 * The same for a token that a runner presents: only the one that its assignment went to may.
 *
 * @throws PlatformError also `RUN_TOKEN_FOREIGN`, PermissionDenied
 */
export function verifyRunnersToken(token: string, runner: string, mac: RunTokenMac, nowMs: number): RunTokenClaims {
  const claims = verifyRunToken(token, mac, nowMs);
  if (claims.runner === runner) return claims;
  throw new PlatformError("PermissionDenied", "RUN_TOKEN_FOREIGN", "the run token belongs to another runner");
}

function invalidToken(): PlatformError {
  return new PlatformError("Unauthenticated", "RUN_TOKEN_INVALID", "not a run token of this house");
}

/** Only called for text that this house has signed. */
function decodeClaims(text: string): RunTokenClaims {
  const fields = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as [
    string,
    string,
    string,
    string,
    number,
    string,
    number,
  ];
  const [projectId, workflowId, versionId, runId, assignment, runner, expiresAtMs] = fields;
  return { projectId, workflowId, versionId, runId, assignment, runner, expiresAtMs };
}

/** Compares in a time that tells nothing of the contents. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}
