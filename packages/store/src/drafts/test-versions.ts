import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "../database.ts";
import type { VersionBody } from "../definitions/workflow-records.ts";
import { toVersionRecord } from "../definitions/workflow-rows.ts";
import type { TestVersion } from "./draft-records.ts";

/** An older one may be removed with the history of its runs. */
const REUSED_FOR = sql`interval '6 hours'`;

/** Numbers of such versions go down from -1, so that they are nobody's idea of a version. */
export function ensureTestVersion(database: Database, version: TestVersion): Promise<VersionBody> {
  const { workflowId, definition, sources, modules, packages, spec } = version;
  const parts = [definition, sources, modules, packages, spec];
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return database.transaction(async (transaction) => {
    const workflow = await transaction
      .selectFrom("workflows")
      .select(["name", "project_id"])
      .where("id", "=", workflowId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const known = await transaction
      .selectFrom("versions")
      .select(["id", "number", "create_time"])
      .where("workflow_id", "=", workflowId)
      .where("test_hash", "=", hash)
      .where(sql<boolean>`create_time > now() - ${REUSED_FOR}`)
      .executeTakeFirst();
    const { id, number, create_time } =
      known ??
      (await transaction
        .insertInto("versions")
        .values((expression) => ({
          workflow_id: workflowId,
          number: expression
            .selectFrom("versions")
            .where("workflow_id", "=", workflowId)
            .select(sql<number>`least(coalesce(min(number), 0), 0) - 1`.as("number")),
          definition: JSON.stringify(definition),
          sources: JSON.stringify(sources),
          modules: JSON.stringify(modules),
          packages: packages && JSON.stringify(packages),
          spec: JSON.stringify(spec),
          python_minor: spec.pythonMinor,
          test_hash: hash,
        }))
        .returning(["id", "number", "create_time"])
        .executeTakeFirstOrThrow());
    const { project_id, name } = workflow;
    const row = { project_id, workflow_id: workflowId, version_id: id, number, definition, spec };
    const record = toVersionRecord({ ...row, version_create_time: create_time });
    return { ...record, workflowName: name, sources, modules, packages, uses: null };
  });
}
