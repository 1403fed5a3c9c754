import type { Handing } from "../messages.ts";
import { equalBytes, type RunTokenMac } from "./run-token.ts";

const SEAL_BYTES = 16;

/** What proves that a run was given to a runner: who did not send the `Assign` itself can believe nothing else. */
export function sealHanding(handing: Pick<Handing, "runId" | "assignment">, runner: string, mac: RunTokenMac): Buffer {
  const text = `seal ${handing.runId} ${handing.assignment} ${runner}`;
  return Buffer.from(mac(Buffer.from(text))).subarray(0, SEAL_BYTES);
}

/** Whether the handing carries the seal of this runner; in constant time. */
export function isSealedFor(handing: Handing, runner: string, mac: RunTokenMac): boolean {
  return handing.seal !== undefined && equalBytes(sealHanding(handing, runner, mac), handing.seal);
}
