import { createHash } from "node:crypto";
import * as nkeys from "@nats-io/nkeys";

/** Claims of a NATS JWT, as its specification names them. */
export interface NatsClaims {
  readonly sub: string;
  readonly name: string;
  readonly iat?: number;
  /** Seconds since 1970; never when absent. */
  readonly exp?: number | undefined;
  readonly nats: Readonly<Record<string, unknown>>;
}

const HEADER = encode({ typ: "JWT", alg: "ed25519-nkey" });

/** Signs claims with a private NKey; a NATS server checks the signature by itself, without asking anybody. */
export function signJwt(claims: NatsClaims, seed: string): string {
  const issuer = nkeys.fromSeed(Buffer.from(seed));
  const body = { iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), ...claims };
  const jti = createHash("sha256").update(JSON.stringify(body)).digest("hex").toUpperCase();
  const signed = `${HEADER}.${encode({ jti, ...body })}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

/** Reads claims without checking them: for whoever got the JWT from the one who made it. */
export function readJwt(jwt: string): NatsClaims {
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8")) as NatsClaims;
}

/** A new key pair of one kind; the seed is the private half. */
export function createKey(kind: "operator" | "account" | "user"): { publicKey: string; seed: string } {
  const make = { operator: nkeys.createOperator, account: nkeys.createAccount, user: nkeys.createUser }[kind];
  const pair = make();
  return { publicKey: pair.getPublicKey(), seed: Buffer.from(pair.getSeed()).toString() };
}

/** The public half of a seed. */
export function publicKeyOf(seed: string): string {
  return nkeys.fromSeed(Buffer.from(seed)).getPublicKey();
}

/** Whether a text is the public key of a user. */
export function isUserKey(text: string): boolean {
  try {
    return text.startsWith("U") && nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
