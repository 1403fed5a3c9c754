import { sql, type Kysely } from "kysely";
import type { Tables } from "../tables.ts";

/**
 * Raises the generation of definitions. Call it first in a transaction that changes one: the row stays locked until the end,
 * so generations become visible in their order and a reader that has seen one has seen all before it.
 */
export async function nextGeneration(transaction: Kysely<Tables>): Promise<number> {
  const { definitions_generation } = await transaction
    .updateTable("house")
    .set({ definitions_generation: sql<number>`definitions_generation + 1` })
    .returning("definitions_generation")
    .executeTakeFirstOrThrow();
  return definitions_generation;
}
