import { PlatformError } from "@millrace/core";
import { sql } from "kysely";
import type { Database } from "../database.ts";
import type { FirstSteps, ProjectRecord, Projects, ProjectSettings } from "./project-records.ts";

const SETTINGS = ["name", "email_recipient as emailRecipient", "queue_limit as queueLimit"] as const;

/** Projects on Postgres. */
export function createProjects(database: Database): Projects {
  return {
    ensure: (name) => ensureProject(database, name),
    getSettings: (id) =>
      database.read(async (kysely) =>
        found(await kysely.selectFrom("projects").select(SETTINGS).where("id", "=", id).executeTakeFirst()),
      ),
    setEmailRecipient: (id, recipient) =>
      database.transaction(async (transaction) => {
        const update = transaction.updateTable("projects").set({ email_recipient: recipient }).where("id", "=", id);
        return found(await update.returning(SETTINGS).executeTakeFirst());
      }),
    setQueueLimit: (id, limit) =>
      database.transaction(async (transaction) => {
        const update = transaction.updateTable("projects").set({ queue_limit: limit }).where("id", "=", id);
        const settings = found(await update.returning(SETTINGS).executeTakeFirst());
        // So that partitions give back what they have beyond need, and ask anew within the limit that holds now.
        await sql`UPDATE queue_shares SET wanted = GREATEST(wanted, 1) WHERE project_id = ${id}`.execute(transaction);
        return settings;
      }),
    readFirstSteps: (id) => readFirstSteps(database, id),
    endFirstSteps: async (id) => {
      await database.change("UPDATE projects SET first_steps_over = true WHERE id = $1", [id]);
    },
  };
}

const NO_STEPS = { over: true, created: false, tested: false, deployedCount: 0, workflowId: null };
const COUNTED_MAX = 10;

/** All that is looked at is behind an index; once they are over, nothing is. */
async function readFirstSteps(database: Database, projectId: string): Promise<FirstSteps> {
  const [project] = await database.query<{ first_steps_over: boolean }>(
    "SELECT first_steps_over FROM projects WHERE id = $1",
    [projectId],
  );
  if (project === undefined || project.first_steps_over) return NO_STEPS;
  const [steps] = await database.query<{ workflow_id: string | null; deployed_count: number; tested: boolean }>(
    `WITH own AS (SELECT id, version_id, create_time FROM workflows WHERE project_id = $1 AND delete_time IS NULL)
     SELECT (SELECT id FROM own ORDER BY create_time DESC LIMIT 1) AS workflow_id,
       (SELECT count(*) FROM (SELECT FROM own WHERE version_id IS NOT NULL LIMIT ${COUNTED_MAX}) few) AS deployed_count,
       EXISTS (SELECT FROM own JOIN drafts d ON d.workflow_id = own.id JOIN draft_tests t ON t.draft_id = d.id) AS tested`,
    [projectId],
  );
  const { workflow_id: workflowId, deployed_count: deployedCount, tested } = steps!;
  return { over: false, created: workflowId !== null, tested, deployedCount: Number(deployedCount), workflowId };
}

function found(settings: ProjectSettings | undefined): ProjectSettings {
  if (settings !== undefined) return settings;
  throw new PlatformError("NotFound", "PROJECT_NOT_FOUND", "there is no such project");
}

function ensureProject(database: Database, name: string): Promise<ProjectRecord> {
  return database.transaction(async (transaction) => {
    await transaction
      .insertInto("projects")
      .values({ name })
      .onConflict((conflict) => conflict.column("name").doNothing())
      .execute();
    return transaction.selectFrom("projects").select(["id", "name"]).where("name", "=", name).executeTakeFirstOrThrow();
  });
}
