import type { Database } from "../database.ts";
import type { ProjectRecord, Projects } from "./project-records.ts";

/** Projects on Postgres. */
export function createProjects(database: Database): Projects {
  return { ensure: (name) => ensureProject(database, name) };
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
