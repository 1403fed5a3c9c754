import { PlatformError } from "@millrace/core";
import { sql } from "kysely";
import type { Database } from "../database.ts";
import type { ProjectRecord, Projects, ProjectSettings } from "./project-records.ts";

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
  };
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
