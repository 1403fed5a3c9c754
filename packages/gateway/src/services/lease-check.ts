import { findLeases, type Bus } from "@millrace/bus";
import type { EncryptionFinding } from "./encryption-check.ts";

/** What an operator should know of how schedulers hold their leases. While NATS is away there is nothing to say. */
export async function checkLeases(bus: Bus): Promise<EncryptionFinding[]> {
  const leases = await findLeases(bus).catch(() => undefined);
  if (leases?.place !== "bucket" || leases.schedulers.size === 0) return [];
  const message =
    "leases have one place in the NATS cluster, so that the death of one server may stop the house for 10 s: give the servers server_tags (docs/operating/nats.md)";
  return [{ reason: "LEASES_IN_ONE_PLACE", message, fatal: false }];
}
