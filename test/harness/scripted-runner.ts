/** What a scripted runner presents: the tokens and seals that an owner would have given it. */
import { createHmac } from "node:crypto";
import { encodeRunToken, sealHanding, type RunTokenClaims, type RunTokenMac } from "@millrace/core";
import type { control } from "@millrace/protocol";

/** Key of the run tokens in tests. */
export const TOKEN_KEY = "ab".repeat(32);

/** The only runner of a scripted house. */
export const SCRIPTED_RUNNER = { runner: "runner", pool: "default" } as const;

export const mac: RunTokenMac = (data) => createHmac("sha256", Buffer.from(TOKEN_KEY, "hex")).update(data).digest();

/** A token of the scripted runner's, for an assignment that is given to it. */
export function runTokenOf(claims: Partial<RunTokenClaims>): string {
  const life = { expiresAtMs: Date.now() + 3_600_000 };
  const whose = { projectId: "p", workflowId: "w", versionId: "v", runId: "r", assignment: 1 };
  return encodeRunToken({ ...whose, ...life, runner: SCRIPTED_RUNNER.runner, ...claims }, mac);
}

/** A handing as the scripted runner names it. */
export function handingOf(handing: Omit<control.Handing, "seal">): control.Handing {
  return { ...handing, seal: sealHanding(handing, SCRIPTED_RUNNER.runner, mac) };
}

/** A log batch with the token that belongs to it. */
export function withToken(batch: Omit<control.LogBatch, "runToken">): control.LogBatch {
  const { handing, projectId, workflowId } = batch;
  const { runId = "", assignment = 0 } = handing ?? {};
  return { ...batch, runToken: runTokenOf({ runId, assignment, projectId, workflowId }) };
}
