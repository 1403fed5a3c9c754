import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import { isUniqueViolation } from "../database-error.ts";
import type { Tables } from "../tables.ts";
import { loadDefinitions } from "./definitions-change.ts";
import { nextGeneration } from "./generation.ts";
import { createEndpoint, isId } from "./ids.ts";
import { pageSizeOf, parsePageToken, toPage } from "./paging.ts";
import type {
  Deploy,
  Page,
  PageRequest,
  VersionBody,
  VersionRecord,
  WorkflowChange,
  WorkflowRecord,
  Workflows,
} from "./workflow-records.ts";
import { readTriggers, toWorkflowRecord, toVersionRecord, workflowsWithVersion } from "./workflow-rows.ts";

/** Definitions on Postgres. */
export function createWorkflows(database: Database): Workflows {
  return {
    create: (projectId, name) => createWorkflow(database, projectId, name),
    get: (projectId, idOrName) => database.read((kysely) => findWorkflow(kysely, projectId, idOrName)),
    list: (projectId, page = {}) => listWorkflows(database, projectId, page),
    deploy: (deploy) => deployVersion(database, deploy),
    setEnabled: (projectId, workflowId, enabled) => setEnabled(database, projectId, workflowId, enabled),
    delete: (projectId, workflowId) => deleteWorkflow(database, projectId, workflowId),
    getVersion: (versionId) => getVersion(database, versionId),
    listVersions: (workflowId, page = {}) => listVersions(database, workflowId, page),
    getVersionByNumber: (workflowId, number) => getVersionByNumber(database, workflowId, number),
    loadDefinitions: (sinceGeneration) => loadDefinitions(database, sinceGeneration),
    getGeneration: () => getGeneration(database),
  };
}

function notFound(idOrName: string): PlatformError {
  return new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `There is no workflow "${idOrName.slice(0, 100)}"`);
}

async function createWorkflow(database: Database, projectId: string, name: string): Promise<WorkflowChange> {
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction);
    try {
      const { id } = await transaction
        .insertInto("workflows")
        .values({ project_id: projectId, name, version_id: null, generation })
        .returning("id")
        .executeTakeFirstOrThrow();
      return { workflow: await findWorkflow(transaction, projectId, id), generation };
    } catch (thrown) {
      if (!isUniqueViolation(thrown)) throw thrown;
      throw new PlatformError("AlreadyExists", "WORKFLOW_EXISTS", `There is a workflow "${name}" already`, {
        cause: thrown,
      });
    }
  });
}

async function findWorkflow(kysely: Kysely<Tables>, projectId: string, idOrName: string): Promise<WorkflowRecord> {
  const column = isId(idOrName) ? "w.id" : "w.name";
  const row = await workflowsWithVersion(kysely)
    .where("w.project_id", "=", projectId)
    .where("w.delete_time", "is", null)
    .where(column, "=", idOrName.replaceAll("\0", "\u2400"))
    .executeTakeFirst();
  if (!row) throw notFound(idOrName);
  const triggers = await readTriggers(kysely, [row.id]);
  return toWorkflowRecord(row, triggers.get(row.id) ?? []);
}

async function listWorkflows(database: Database, projectId: string, page: PageRequest): Promise<Page<WorkflowRecord>> {
  const size = pageSizeOf(page);
  const after = parsePageToken(page, (key) => !key.includes("\0"));
  return database.read(async (kysely) => {
    const rows = await workflowsWithVersion(kysely)
      .where("w.project_id", "=", projectId)
      .where("w.delete_time", "is", null)
      .$if(after !== undefined, (query) => query.where("w.name", ">", after!))
      .orderBy("w.name")
      .limit(size + 1)
      .execute();
    const triggers = await readTriggers(
      kysely,
      rows.map(({ id }) => id),
    );
    const workflows = rows.map((row) => toWorkflowRecord(row, triggers.get(row.id) ?? []));
    return toPage(workflows, size, ({ name }) => name);
  });
}

/** Changes one workflow; its row stays locked, so that two deploys of it number their versions one after the other. */
function changeWorkflow(
  database: Database,
  projectId: string,
  workflowId: string,
  change: (transaction: Kysely<Tables>, generation: number) => Promise<void>,
): Promise<WorkflowChange> {
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction);
    const { numUpdatedRows } = await transaction
      .updateTable("workflows")
      .set({ generation })
      .where("id", "=", isId(workflowId) ? workflowId : null)
      .where("project_id", "=", projectId)
      .where("delete_time", "is", null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw notFound(workflowId);
    await change(transaction, generation);
    return { workflow: await findWorkflow(transaction, projectId, workflowId), generation };
  });
}

function deployVersion(database: Database, deploy: Deploy): Promise<WorkflowChange> {
  return changeWorkflow(database, deploy.projectId, deploy.workflowId, async (transaction) => {
    const { id } = await transaction
      .insertInto("versions")
      .columns([
        ...(["workflow_id", "number", "definition", "sources", "modules", "packages", "spec", "python_minor"] as const),
        ...(["history_days", "history_runs", "uses"] as const),
      ])
      .expression((expression) =>
        expression
          .selectFrom("versions")
          .where("workflow_id", "=", deploy.workflowId)
          .select([
            sql<string>`${deploy.workflowId}::uuid`.as("workflow_id"),
            sql<number>`GREATEST(COALESCE(max(number), 0), 0) + 1`.as("number"),
            sql<never>`${JSON.stringify(deploy.definition)}::json`.as("definition"),
            sql<never>`${JSON.stringify(deploy.sources)}::json`.as("sources"),
            sql<string>`${JSON.stringify(deploy.modules)}::json`.as("modules"),
            sql<string>`${deploy.packages && JSON.stringify(deploy.packages)}::json`.as("packages"),
            sql<never>`${JSON.stringify(deploy.spec)}::json`.as("spec"),
            sql<string>`${deploy.spec.pythonMinor}::text`.as("python_minor"),
            sql<number>`${deploy.retention?.days ?? null}::int4`.as("history_days"),
            sql<number>`${deploy.retention?.runs ?? null}::int4`.as("history_runs"),
            sql<string>`${deploy.uses ? JSON.stringify(deploy.uses) : null}::jsonb`.as("uses"),
          ]),
      )
      .returning("id")
      .executeTakeFirstOrThrow();
    await transaction.updateTable("workflows").set({ version_id: id }).where("id", "=", deploy.workflowId).execute();
    await replaceTriggers(transaction, deploy);
  });
}

/** A trigger keeps its endpoint by its name; one that is left out is put to sleep, not deleted. */
async function replaceTriggers(transaction: Kysely<Tables>, { workflowId, triggers }: Deploy): Promise<void> {
  await transaction.updateTable("triggers").set({ place: null }).where("workflow_id", "=", workflowId).execute();
  for (const [place, { name, kind, settings }] of triggers.entries()) {
    const values = { kind, settings: JSON.stringify(settings ?? null), place };
    await transaction
      .insertInto("triggers")
      .values({ workflow_id: workflowId, name, endpoint: createEndpoint(), ...values })
      .onConflict((conflict) => conflict.columns(["workflow_id", "name"]).doUpdateSet(values))
      .execute();
  }
}

function setEnabled(
  database: Database,
  projectId: string,
  workflowId: string,
  enabled: boolean,
): Promise<WorkflowChange> {
  return changeWorkflow(database, projectId, workflowId, async (transaction) => {
    await transaction.updateTable("workflows").set({ enabled }).where("id", "=", workflowId).execute();
  });
}

function deleteWorkflow(database: Database, projectId: string, workflowId: string): Promise<number> {
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction);
    const { numUpdatedRows } = await transaction
      .updateTable("workflows")
      .set({ generation, delete_time: new Date() })
      .where("id", "=", isId(workflowId) ? workflowId : null)
      .where("project_id", "=", projectId)
      .where("delete_time", "is", null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw notFound(workflowId);
    return generation;
  });
}

function getVersion(database: Database, versionId: string): Promise<VersionBody> {
  return database.read(async (kysely) => {
    const row = await kysely
      .selectFrom("versions as v")
      .innerJoin("workflows as w", "w.id", "v.workflow_id")
      .select(["w.name as workflow_name", "w.project_id", "v.workflow_id", "v.sources", "v.modules", "v.packages"])
      .select(["v.id as version_id", "v.number", "v.definition", "v.spec", "v.create_time as version_create_time"])
      .select("v.uses")
      .where("v.id", "=", isId(versionId) ? versionId : null)
      .executeTakeFirst();
    if (!row) {
      throw new PlatformError("NotFound", "VERSION_NOT_FOUND", `There is no version "${versionId.slice(0, 100)}"`);
    }
    const { workflow_name, sources, modules, packages, uses } = row;
    return { ...toVersionRecord(row), workflowName: workflow_name, sources, modules, packages, uses };
  });
}

/** Newest first; versions of tests have numbers below zero. */
function listVersions(database: Database, workflowId: string, page: PageRequest): Promise<Page<VersionRecord>> {
  const size = pageSizeOf(page);
  const before = parsePageToken(page, (key) => /^\d{1,9}$/.test(key));
  return database.read(async (kysely) => {
    const rows = await kysely
      .selectFrom("versions as v")
      .innerJoin("workflows as w", "w.id", "v.workflow_id")
      .select(["w.project_id", "v.workflow_id", "v.id as version_id", "v.number", "v.definition", "v.spec"])
      .select("v.create_time as version_create_time")
      .where("v.workflow_id", "=", workflowId)
      .where("v.number", ">", 0)
      .$if(before !== undefined, (query) => query.where("v.number", "<", Number(before)))
      .orderBy("v.number", "desc")
      .limit(size + 1)
      .execute();
    return toPage(rows.map(toVersionRecord), size, ({ number }) => String(number));
  });
}

async function getVersionByNumber(database: Database, workflowId: string, number: number): Promise<VersionBody> {
  const row = await database.read((kysely) =>
    kysely
      .selectFrom("versions")
      .select("id")
      .where("workflow_id", "=", workflowId)
      .where("number", "=", number)
      .where("number", ">", 0)
      .executeTakeFirst(),
  );
  if (row !== undefined) return getVersion(database, row.id);
  throw new PlatformError("NotFound", "VERSION_NOT_FOUND", `There is no version ${number}`);
}

async function getGeneration(database: Database): Promise<number> {
  const rows = await database.query<{ definitions_generation: number }>("SELECT definitions_generation FROM house");
  return rows[0]!.definitions_generation;
}
