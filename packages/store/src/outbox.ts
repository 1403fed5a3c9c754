import type { OutboxBody, OutboxPage, OutboxQuery, OutboxTargets } from "@millrace/core";
import type pg from "pg";

interface OutboxRow {
  /** Which query asked for it, from 1. */
  readonly query: number;
  readonly id: string;
  readonly partition: number;
  readonly target: string;
  readonly sequence: number;
  readonly run_id: string;
  readonly body: OutboxBody;
  readonly payload: Uint8Array;
  /** Bytes of the page up to here and with this message. */
  readonly bytes: number;
}

/** Messages for each query, oldest first; payloads beyond the bounds are not read. */
export async function readOutbox(client: pg.ClientBase, queries: readonly OutboxQuery[]): Promise<OutboxPage[]> {
  const { rows } = await client.query<OutboxRow>(
    `SELECT q.query::int4, o.id, q.partition, q.target, o.sequence, o.run_id, o.body, o.bytes::float8,
       CASE WHEN o.bytes <= q.bytes_max OR o.place = 1 THEN o.payload END AS payload
     FROM unnest($1::int4[], $2::text[], $3::int8[], $4::int4[], $5::int8[])
       WITH ORDINALITY AS q (partition, target, after, messages_max, bytes_max, query)
     CROSS JOIN LATERAL (
       SELECT m.*, sum(octet_length(m.payload)) OVER w AS bytes, row_number() OVER w AS place FROM (
         SELECT id, sequence, create_time, run_id, body, payload FROM outbox
         WHERE partition = q.partition AND target = q.target AND sequence > q.after
         ORDER BY sequence, create_time, id LIMIT q.messages_max + 1) m
       WINDOW w AS (ORDER BY m.sequence, m.create_time, m.id)
     ) o ORDER BY q.query, o.place`,
    [
      queries.map(({ partition }) => partition),
      queries.map(({ target }) => target),
      queries.map(({ after }) => after),
      queries.map(({ messagesMax }) => messagesMax),
      queries.map(({ bytesMax }) => bytesMax),
    ],
  );
  const found = Map.groupBy(rows, ({ query }) => query);
  return queries.map((query, index) => toPage(query, found.get(index + 1) ?? []));
}

function toPage({ messagesMax, bytesMax }: OutboxQuery, rows: readonly OutboxRow[]): OutboxPage {
  const large = rows.findIndex(({ bytes }, index) => index > 0 && bytes > bytesMax);
  const end = Math.min(messagesMax, large < 0 ? rows.length : large);
  const messages = rows.slice(0, end).map(({ id, target, sequence, partition, run_id, body, payload }) => ({
    ...{ id, target, sequence, partition, runId: run_id, body, payload },
  }));
  return { messages, more: end < rows.length };
}

/** Whom each partition has messages for, from one name to the next by the index. */
export async function readOutboxTargets(
  client: pg.ClientBase,
  partitions: readonly number[],
  beyond: string,
  limit: number,
): Promise<Map<number, OutboxTargets>> {
  const { rows } = await client.query<{ partition: number; target: string }>(
    `WITH RECURSIVE found AS (
       SELECT p.partition, f.target, 1 AS place FROM unnest($1::int4[]) AS p (partition)
       CROSS JOIN LATERAL (SELECT target FROM outbox WHERE partition = p.partition AND target > $2
         ORDER BY target LIMIT 1) f
       UNION ALL
       SELECT p.partition, f.target, p.place + 1 FROM found p
       CROSS JOIN LATERAL (SELECT target FROM outbox WHERE partition = p.partition AND target > p.target
         ORDER BY target LIMIT 1) f
       WHERE p.place <= $3
     )
     SELECT partition, target FROM found ORDER BY partition, target`,
    [[...partitions], beyond, limit],
  );
  const found = Map.groupBy(rows, ({ partition }) => partition);
  return new Map(
    partitions.map((partition) => {
      const names = (found.get(partition) ?? []).map(({ target }) => target);
      return [partition, { names: names.slice(0, limit), more: names.length > limit }];
    }),
  );
}
