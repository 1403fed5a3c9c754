import type { Use, UseKind } from "@millrace/core";
import type { Database } from "../database.ts";
import { pageSizeOf, parsePageToken, toPage } from "./paging.ts";
import type { Page, PageRequest } from "./workflow-records.ts";

/** Something of a project that workflows use. */
export interface UseTarget {
  readonly kind: UseKind;
  readonly name: string;
}

/** A workflow that uses something. */
export interface WorkflowUses {
  readonly workflowId: string;
  readonly workflowName: string;
  /** Where its live version does. */
  readonly live: readonly Use[];
  /** Where its draft does. */
  readonly draft: readonly Use[];
}

/** Where things of a project are used, as deploys and checks of drafts have found it. */
export interface Uses {
  /** By name of the workflow. */
  list(projectId: string, target: UseTarget, page?: PageRequest): Promise<Page<WorkflowUses>>;
  /** Deployed workflows of which nobody has looked what they use. */
  countUnknown(projectId: string): Promise<number>;
}

interface UsesRow {
  readonly id: string;
  readonly name: string;
  readonly live: readonly Use[] | null;
  readonly draft: readonly Use[] | null;
}

/** Uses on Postgres. */
export function createUses(database: Database): Uses {
  return {
    list: (projectId, target, page = {}) => listUses(database, projectId, target, page),
    countUnknown: async (projectId) => {
      const [row] = await database.query<{ count: number }>(
        `SELECT count(*) FROM workflows w JOIN versions v ON v.id = w.version_id
         WHERE w.project_id = $1 AND w.delete_time IS NULL AND v.uses IS NULL`,
        [projectId],
      );
      return Number(row!.count);
    },
  };
}

async function listUses(
  database: Database,
  projectId: string,
  { kind, name }: UseTarget,
  page: PageRequest,
): Promise<Page<WorkflowUses>> {
  const size = pageSizeOf(page);
  const after = parsePageToken(page, (key) => !key.includes("\0"));
  const rows = await database.query<UsesRow>(
    `SELECT w.id, w.name, v.uses AS live, d.uses AS draft
     FROM workflows w LEFT JOIN versions v ON v.id = w.version_id LEFT JOIN drafts d ON d.workflow_id = w.id
     WHERE w.project_id = $1 AND w.delete_time IS NULL AND (v.uses @> $2::jsonb OR d.uses @> $2::jsonb)
       AND ($3::text IS NULL OR w.name > $3)
     ORDER BY w.name LIMIT $4`,
    [projectId, JSON.stringify([{ kind, name }]), after ?? null, size + 1],
  );
  const isIt = (use: Use): boolean => use.kind === kind && use.name === name;
  const found = rows.map(({ id, name: workflowName, live, draft }) => ({
    ...{ workflowId: id, workflowName },
    live: (live ?? []).filter(isIt),
    draft: (draft ?? []).filter(isIt),
  }));
  return toPage(found, size, ({ workflowName }) => workflowName);
}
