import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** The process's name as set, or a new one: two processes of a kind must never share one. */
export function processName(role: string, given: string | undefined): string {
  if (given !== undefined) return given;
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9-]/g, "-")
    .slice(0, 40);
  return `${role}-${host}-${randomBytes(4).toString("hex")}`;
}
