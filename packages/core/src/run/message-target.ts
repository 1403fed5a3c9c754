import { createHash } from "node:crypto";
import type { OutboxBody, OutboxMessage } from "../owner/record.ts";

const ID = /^[0-9a-f-]{36}$/;

/**
 * Whom a message is for: the queue of a workflow, which may be full, or the runs that it has. A start and the cancel of the run
 * that it starts are for the same one, so that the one cannot overtake the other.
 */
export function messageTarget({ kind, workflowId }: OutboxBody): string {
  const name = ID.test(workflowId) ? workflowId : createHash("sha256").update(workflowId).digest("hex");
  return `${kind === "RESUME" ? "resume" : "start"}/${name}`;
}

/** A message of a run to another one's owner. Its place among the others is given when it is committed. */
export function messageOf(
  { partition, runId }: { readonly partition: number; readonly runId: string },
  id: string,
  body: OutboxBody,
  payload: Uint8Array,
): OutboxMessage {
  return { id, target: messageTarget(body), sequence: 0, partition, runId, body, payload };
}
