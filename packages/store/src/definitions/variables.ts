import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import { SEAL_BYTES, type SecretPlace, type Vault } from "../secrets/vault.ts";
import type { Tables } from "../tables.ts";
import type { ListedVariable, VariableRecord, Variables, VariableSet } from "./project-records.ts";

/** What a shell takes for a variable's name. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const VALUE_MAX_BYTES = 64 * 1024;
/** Loaded by every runner, handed to every run, and what Linux lets a child process have: bounded as a whole. */
const VARIABLES_MAX = 1_000;
const VARIABLES_BYTES_MAX = 1024 * 1024;

/** Environment variables on Postgres, encrypted. */
export function createVariables(database: Database, vault: Vault): Variables {
  return {
    set: (projectId, variable) => setVariable(database, vault, projectId, variable),
    load: (projectId, knownGeneration) => loadVariables(database, vault, projectId, knownGeneration),
    list: (projectId) => listVariables(database, vault, projectId),
    unset: (projectId, name) => unsetVariable(database, projectId, name),
  };
}

type NewVariable = Parameters<Variables["set"]>[1];

/** A value opens only under its own project and name. */
export function variablePlace(projectId: string, name: string): SecretPlace {
  return ["variable", projectId, name];
}

function checkVariable({ name, value }: NewVariable): void {
  const invalid = (message: string) =>
    new PlatformError("InvalidArgument", "INVALID_VARIABLE", message, { metadata: { name } });
  if (!NAME.test(name))
    throw invalid("A variable's name is letters, digits and underscores, no digit first, at most 128");
  if (value.includes("\0")) throw invalid(`The value of ${name} has a NUL, which no environment variable can hold`);
  if (!value.isWellFormed()) throw invalid(`The value of ${name} is not valid Unicode`);
  if (Buffer.byteLength(value) > VALUE_MAX_BYTES)
    throw invalid(`The value of ${name} is longer than ${VALUE_MAX_BYTES} bytes`);
}

/** Raises the project's generation; the row stays locked, so changes of one project have one order. */
async function nextGeneration(transaction: Kysely<Tables>, projectId: string): Promise<number> {
  const row = await transaction
    .updateTable("projects")
    .set({ variables_generation: sql<number>`variables_generation + 1` })
    .where("id", "=", projectId)
    .returning("variables_generation")
    .executeTakeFirst();
  if (!row) throw new PlatformError("NotFound", "PROJECT_NOT_FOUND", "There is no such project");
  return row.variables_generation;
}

async function setVariable(database: Database, vault: Vault, projectId: string, variable: NewVariable) {
  checkVariable(variable);
  const { name, value, secret } = variable;
  const kept = {
    value: null,
    sealed: vault.seal(variablePlace(projectId, name), value),
    secret,
    update_time: new Date(),
  };
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction, projectId);
    const row = await transaction
      .insertInto("variables")
      .values({ project_id: projectId, name, ...kept })
      .onConflict((conflict) => conflict.columns(["project_id", "name"]).doUpdateSet(kept))
      .returning("update_time")
      .executeTakeFirstOrThrow();
    await refuseTooMany(transaction, projectId);
    return { name, value, secret, updateTimeMs: row.update_time, generation };
  });
}

async function refuseTooMany(transaction: Kysely<Tables>, projectId: string): Promise<void> {
  const { count, bytes } = await transaction
    .selectFrom("variables")
    .select((expression) => expression.fn.countAll<number>().as("count"))
    .select(
      sql<number>`sum(octet_length(name) + coalesce(octet_length(sealed) - ${SEAL_BYTES}, octet_length(value)))`.as(
        "bytes",
      ),
    )
    .where("project_id", "=", projectId)
    .executeTakeFirstOrThrow();
  if (count > VARIABLES_MAX) {
    const message = `A project has at most ${VARIABLES_MAX} variables`;
    throw new PlatformError("ResourceExhausted", "TOO_MANY_VARIABLES", message);
  }
  if (bytes > VARIABLES_BYTES_MAX) {
    const message = `The variables of a project have at most ${VARIABLES_BYTES_MAX} bytes together`;
    throw new PlatformError("ResourceExhausted", "VARIABLES_TOO_LARGE", message);
  }
}

/** One statement, so that the generation belongs to the variables. */
async function loadVariables(
  database: Database,
  vault: Vault,
  projectId: string,
  knownGeneration: number,
): Promise<VariableSet | undefined> {
  const rows = await database.read((kysely) =>
    kysely
      .selectFrom("projects as p")
      .leftJoin("variables as v", "v.project_id", "p.id")
      .select(["p.variables_generation", "v.name", "v.value", "v.sealed", "v.secret", "v.update_time"])
      .where("p.id", "=", projectId)
      .orderBy("v.name")
      .execute(),
  );
  const generation = rows[0]?.variables_generation;
  if (generation === undefined) throw new PlatformError("NotFound", "PROJECT_NOT_FOUND", "There is no such project");
  if (generation === knownGeneration) return undefined;
  const variables = rows.flatMap(({ name, secret, update_time, ...kept }): VariableRecord[] =>
    name === null
      ? []
      : [{ name, value: openValue(vault, projectId, name, kept), secret: secret!, updateTimeMs: update_time! }],
  );
  return { generation, variables };
}

interface KeptValue {
  readonly value: string | null;
  readonly sealed: Buffer | null;
}

/** A value that was set before there was encryption is read as it is until it has been moved over. */
function openValue(vault: Vault, projectId: string, name: string, { value, sealed }: KeptValue): string {
  return sealed === null ? (value ?? "") : vault.open(variablePlace(projectId, name), sealed);
}

/** Secret ones are not even opened, so that they can be listed and replaced without the key that they are under. */
async function listVariables(database: Database, vault: Vault, projectId: string): Promise<ListedVariable[]> {
  const rows = await database.read((kysely) =>
    kysely.selectFrom("variables").selectAll().where("project_id", "=", projectId).orderBy("name").execute(),
  );
  return rows.map(({ name, secret, update_time, ...kept }) => ({
    name,
    value: secret ? undefined : openValue(vault, projectId, name, kept),
    secret,
    updateTimeMs: update_time,
  }));
}

function unsetVariable(database: Database, projectId: string, name: string): Promise<number> {
  return database.transaction(async (transaction) => {
    const generation = await nextGeneration(transaction, projectId);
    const { numDeletedRows } = await transaction
      .deleteFrom("variables")
      .where("project_id", "=", projectId)
      .where("name", "=", name.replaceAll("\0", "\u2400"))
      .executeTakeFirst();
    if (numDeletedRows === 0n) {
      throw new PlatformError("NotFound", "VARIABLE_NOT_FOUND", "There is no variable of that name", {
        metadata: { name },
      });
    }
    return generation;
  });
}
