import { createHash } from "node:crypto";

/** SHA-256 of an API key in hex: what the record keeps, and what gateways compare. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
