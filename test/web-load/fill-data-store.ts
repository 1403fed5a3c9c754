import type pg from "pg";

/** Makes a data store of a workflow's project with keys from `customer:0000000` on, by SQL. */
export async function fillDataStore(db: pg.Client, like: string, name: string, keys: number): Promise<void> {
  await db.query("SET statement_timeout = 0; SET synchronous_commit = off");
  await db.query(
    `WITH made AS (
       INSERT INTO data_stores (project_id, name) SELECT project_id, $2 FROM workflows WHERE id = $1 RETURNING id
     ), filled AS (
       INSERT INTO data_store_records (store_id, key, value)
       SELECT id, convert_to('customer:' || lpad(n::text, 7, '0'), 'UTF8'),
         convert_to('{"id":' || n || ',"name":"customer ' || n || '"}', 'UTF8')
       FROM made, generate_series(0, $3::int - 1) n
       RETURNING store_id, octet_length(key) + octet_length(value) AS bytes
     )
     INSERT INTO data_store_sizes (store_id, part, records, bytes)
     SELECT store_id, 0, count(*), sum(bytes) FROM filled GROUP BY store_id`,
    [like, name, keys],
  );
  await db.query("ANALYZE data_store_records");
}
