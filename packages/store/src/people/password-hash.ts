import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** 2^16 × 8 × 128 bytes: 64 MiB for each password that is tried, as OWASP advises with two passes. */
const COST_LOG2 = 16;
const BLOCK_SIZE = 8;
const PASSES = 2;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const FORM = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;

/** What is tried when there is no such user, so that it takes as long as when there is. */
const NOBODY = `scrypt$${COST_LOG2}$${BLOCK_SIZE}$${PASSES}$${"A".repeat(22)}$${"A".repeat(43)}`;

/** What the record keeps of a password: `scrypt$<log2 of the cost>$<block size>$<passes>$<salt>$<hash>`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await stretch(password, salt, COST_LOG2, BLOCK_SIZE, PASSES);
  return `scrypt$${COST_LOG2}$${BLOCK_SIZE}$${PASSES}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

/** Whether a password is the one; undefined stands for a user that there is not, and takes as long. */
export async function isPassword(password: string, kept: string | undefined): Promise<boolean> {
  const [, cost, size, passes, salt, hash] = FORM.exec(kept ?? NOBODY) ?? [];
  if (salt === undefined || hash === undefined) return false;
  const found = await stretch(password, Buffer.from(salt, "base64url"), Number(cost), Number(size), Number(passes));
  return timingSafeEqual(found, Buffer.from(hash, "base64url")) && kept !== undefined;
}

function stretch(password: string, salt: Buffer, costLog2: number, size: number, passes: number): Promise<Buffer> {
  const cost = 2 ** costLog2;
  const options = { N: cost, r: size, p: passes, maxmem: 256 * cost * size };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, HASH_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
