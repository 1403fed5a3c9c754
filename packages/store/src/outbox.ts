import type { OutboxBody, OutboxPage } from "@millrace/core";
import type pg from "pg";

interface OutboxRow {
  readonly id: string;
  readonly partition: number;
  readonly run_id: string;
  readonly body: OutboxBody;
  readonly payload: Uint8Array;
}

/** The oldest messages of each partition; partitions without any are missing. */
export async function readOutbox(
  client: pg.ClientBase,
  partitions: readonly number[],
  limit: number,
): Promise<Map<number, OutboxPage>> {
  const { rows } = await client.query<OutboxRow>(
    `SELECT o.* FROM unnest($1::int4[]) AS p (partition)
     CROSS JOIN LATERAL (SELECT id, partition, run_id, body, payload FROM outbox WHERE partition = p.partition
       ORDER BY create_time, id LIMIT $2) o`,
    [partitions, limit + 1],
  );
  const pages = new Map<number, OutboxPage>();
  for (const [partition, found] of Map.groupBy(rows, (row) => row.partition)) {
    const messages = found.slice(0, limit).map(({ run_id, ...row }) => ({ ...row, runId: run_id }));
    pages.set(partition, { messages, more: found.length > limit });
  }
  return pages;
}
