import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { PlatformError } from "@millrace/core";

/** What a sealed text belongs to, such as `["variable", project, name]`: it opens nowhere else. */
export type SecretPlace = readonly [kind: string, ...ids: string[]];

/** Encrypts what the record keeps for people: values of variables, fields of accounts. */
export interface Vault {
  /** Encrypts a text under the first key. */
  seal(place: SecretPlace, text: string): Buffer;
  /** Gives back a text that was sealed for this place. `MASTER_KEY_UNKNOWN`, `SECRET_DAMAGED`. */
  open(place: SecretPlace, sealed: Uint8Array): string;
  /** The beginning of everything that is sealed under the first key. */
  readonly currentPrefix: Buffer;
  /** The beginnings of everything that this vault opens. */
  readonly knownPrefixes: readonly Buffer[];
}

// A sealed text: version (1 byte), id of the key (8), nonce (12), ciphertext, tag (16).
const VERSION = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX_BYTES = 1 + ID_BYTES;
/** What a sealed text is longer than the text. */
export const SEAL_BYTES = PREFIX_BYTES + NONCE_BYTES + TAG_BYTES;
const KEY = /^[0-9a-fA-F]{64}$/;

/**
 * A vault over one or more master keys of 64 hex digits, separated by commas: the first one seals, each of them opens. Every
 * text has a nonce of its own, and what it belongs to is authenticated with it, so that rows cannot be exchanged.
 */
export function createVault(masterKeys: string): Vault {
  const keys = masterKeys.split(",").map((text) => toKey(text.trim()));
  const [first] = keys as [MasterKey, ...MasterKey[]];
  return {
    currentPrefix: first.prefix,
    knownPrefixes: keys.map(({ prefix }) => prefix),
    seal: (place, text) => seal(first, place, text),
    open: (place, sealed) => {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      const key = keys.find(({ prefix }) => bytes.subarray(0, PREFIX_BYTES).equals(prefix));
      if (key === undefined) throw unknownKey();
      return open(key, place, bytes);
    },
  };
}

/** The vault of a process that has no business with secrets. */
export const closedVault: Vault = {
  currentPrefix: Buffer.alloc(0),
  knownPrefixes: [],
  seal: () => {
    throw noKey();
  },
  open: () => {
    throw noKey();
  },
};

interface MasterKey {
  readonly key: Buffer;
  readonly prefix: Buffer;
}

function toKey(text: string): MasterKey {
  if (!KEY.test(text)) {
    throw new PlatformError("InvalidArgument", "MASTER_KEY_INVALID", "a master key is 64 hex digits (32 bytes)");
  }
  const master = Buffer.from(text, "hex");
  const derive = (what: string, size: number): Buffer => Buffer.from(hkdfSync("sha256", master, "", what, size));
  return {
    key: derive("millrace secrets 1", 32),
    prefix: Buffer.concat([Buffer.of(VERSION), derive("millrace key id 1", ID_BYTES)]),
  };
}

function seal({ key, prefix }: MasterKey, place: SecretPlace, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(JSON.stringify(place)));
  return Buffer.concat([prefix, nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

function open({ key }: MasterKey, place: SecretPlace, sealed: Buffer): string {
  const tagAt = sealed.length - TAG_BYTES;
  const bodyAt = PREFIX_BYTES + NONCE_BYTES;
  if (tagAt < bodyAt) throw damaged(place);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(PREFIX_BYTES, bodyAt))
      .setAAD(Buffer.from(JSON.stringify(place)))
      .setAuthTag(sealed.subarray(tagAt));
    return Buffer.concat([decipher.update(sealed.subarray(bodyAt, tagAt)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw damaged(place, cause);
  }
}

function unknownKey(): PlatformError {
  const message =
    "a secret was encrypted with a master key that this house does not have; add that key to MILLRACE_MASTER_KEY, behind the first";
  return new PlatformError("FailedPrecondition", "MASTER_KEY_UNKNOWN", message);
}

function noKey(): PlatformError {
  return new PlatformError("FailedPrecondition", "MASTER_KEY_MISSING", "this process has no master key for secrets");
}

function damaged(place: SecretPlace, cause?: unknown): PlatformError {
  const message = `the ${place[0]} in the database is not what this house has encrypted for it; set it anew`;
  return new PlatformError("FailedPrecondition", "SECRET_DAMAGED", message, { cause });
}
