import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import { toApiKeyRecord } from "./api-keys.ts";
import type { DefinitionsChange } from "./workflow-records.ts";
import { readTriggers, toWorkflowRecord, workflowsWithVersion } from "./workflow-rows.ts";

/** What has changed after a generation, in one snapshot, so that the generation belongs to what was read. */
export function loadDefinitions(database: Database, sinceGeneration: number): Promise<DefinitionsChange> {
  return database.snapshot(async (kysely) => {
    const house = await kysely.selectFrom("house").select("definitions_generation").executeTakeFirstOrThrow();
    const generation = house.definitions_generation;
    const [workflows, keys] = [await readWorkflows(kysely, sinceGeneration), await readKeys(kysely, sinceGeneration)];
    return { generation, ...workflows, ...keys };
  });
}

async function readWorkflows(kysely: Kysely<Tables>, sinceGeneration: number) {
  const rows = await workflowsWithVersion(kysely)
    .where("w.generation", ">", sinceGeneration)
    .$if(sinceGeneration === 0, (query) => query.where("w.delete_time", "is", null))
    .execute();
  const living = rows.filter(({ delete_time }) => delete_time === null);
  const triggers = await readTriggers(
    kysely,
    living.map(({ id }) => id),
  );
  return {
    workflows: living.map((row) => toWorkflowRecord(row, triggers.get(row.id) ?? [])),
    deletedWorkflowIds: rows.filter(({ delete_time }) => delete_time !== null).map(({ id }) => id),
  };
}

async function readKeys(kysely: Kysely<Tables>, sinceGeneration: number) {
  const rows = await kysely
    .selectFrom("api_keys")
    .selectAll()
    .where("generation", ">", sinceGeneration)
    .$if(sinceGeneration === 0, (query) => query.where("revoke_time", "is", null))
    .execute();
  return {
    apiKeys: rows.filter(({ revoke_time }) => revoke_time === null).map(toApiKeyRecord),
    revokedApiKeyIds: rows.filter(({ revoke_time }) => revoke_time !== null).map(({ id }) => id),
  };
}
