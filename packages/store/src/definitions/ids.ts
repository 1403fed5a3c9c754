import { randomBytes } from "node:crypto";

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for what may be the id of anything in the record. Postgres would answer others with an error. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** Lower case and no look-alikes, so that an endpoint can be read out, and be a host name's label. */
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";
/** 32 characters of 5 bits: 160 bits. */
const ENDPOINT_LENGTH = 32;

/** The unguessable part of a trigger's address. */
export function createEndpoint(): string {
  return Array.from(randomBytes(ENDPOINT_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
