import {
  PlatformError,
  type AcceptChange,
  type AcceptOutcome,
  type Change,
  type DeliveredChange,
} from "@millrace/core";
import type { ClientBase } from "pg";
import { encodeArray } from "./binary.ts";
import { dayOf } from "./columns.ts";

/** Where the record stands on one change, read in a snapshot after the commit. */
interface Standing {
  readonly id: string;
  /** Of the unfinished run; null when there is none. */
  readonly sequence: number | null;
  readonly ended_state: string | null;
  readonly ended_assignment: number | null;
  readonly has_step: boolean;
  readonly key_run_id: string | null;
}

const STANDING = {
  name: "commit_standing",
  text: `SELECT c.id, r.sequence, h.state AS ended_state, h.assignment AS ended_assignment, s.path IS NOT NULL AS has_step,
  k.run_id AS key_run_id
FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[]) AS c (id, day, path, workflow_id, key)
LEFT JOIN runs r ON r.id = c.id
LEFT JOIN LATERAL (SELECT state, assignment FROM history_runs WHERE day = c.day AND id = c.id LIMIT 1) h ON true
LEFT JOIN run_steps s ON s.run_id = c.id AND s.path = c.path
LEFT JOIN idempotency_keys k ON k.workflow_id = c.workflow_id AND k.key = c.key`,
};

/** A change of a run itself. */
type RunChange = Exclude<Change, DeliveredChange>;

/** What `readOutcomes` found. */
export interface Outcomes {
  readonly accepts: Map<string, AcceptOutcome>;
  readonly failed: Map<string, PlatformError>;
}

/**
 * Tells from the record what became of changes: after a commit that was repeated, or that wrote fewer rows than it had
 * changes. The writer's sequence tells its own accept from an earlier copy of the same run. Of messages that were delivered there
 * is nothing to tell, and each run has at most one other change.
 */
export async function readOutcomes(client: ClientBase, all: readonly Change[]): Promise<Outcomes> {
  const outcomes: Outcomes = { accepts: new Map(), failed: new Map() };
  const changes = all.filter((change) => change.kind !== "delivered");
  if (changes.length === 0) return outcomes;
  const { rows } = await client.query<Standing>({ ...STANDING, values: toParameters(changes) });
  const standings = new Map(rows.map((row) => [row.id, row]));
  for (const change of changes) {
    const standing = standings.get(change.runId)!;
    const accept = change.kind === "accept" ? toAcceptOutcome(change, standing) : undefined;
    if (accept) outcomes.accepts.set(change.runId, accept);
    else if (!isWritten(change, standing)) outcomes.failed.set(change.runId, notInRecord(change));
  }
  return outcomes;
}

function toParameters(changes: readonly RunChange[]): Buffer[] {
  const accepts = changes.map((change) => (change.kind === "accept" ? change : null));
  const paths = changes.map((change) => (change.kind === "update" ? (change.step?.path ?? null) : null));
  return [
    encodeArray(
      "uuid",
      changes.map(({ runId }) => runId),
    ),
    encodeArray("date", changes.map(dayOf)),
    encodeArray("text", paths),
    encodeArray(
      "uuid",
      accepts.map((change) => change && change.spec.workflowId),
    ),
    encodeArray(
      "text",
      accepts.map((change) => change && (change.idempotencyKey || null)),
    ),
  ];
}

function toAcceptOutcome(change: AcceptChange, standing: Standing): AcceptOutcome | undefined {
  if (standing.sequence !== null) {
    return standing.sequence === change.sequence ? { kind: "inserted" } : { kind: "exists", ended: false };
  }
  if (standing.ended_state !== null) return { kind: "exists", ended: true };
  return standing.key_run_id === null ? undefined : { kind: "key", runId: standing.key_run_id };
}

function isWritten(change: RunChange, standing: Standing): boolean {
  switch (change.kind) {
    case "accept":
      return false;
    case "update":
      return standing.sequence !== null && (change.step === null || standing.has_step);
    case "end":
      return standing.ended_state === change.state && standing.ended_assignment === change.assignment;
  }
}

function notInRecord(change: Change): PlatformError {
  return new PlatformError(
    "Internal",
    "RUN_NOT_IN_RECORD",
    `The record does not hold the ${change.kind} of run ${change.runId}`,
  );
}
