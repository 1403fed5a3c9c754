-- Which server is the primary. Whoever connects first after a promotion finds another timeline than the one that stands here,
-- raises the generation and names the server anew. Updating the row is also how a connection proves that what it commits
-- reaches the standby.

CREATE TABLE primary_server (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  generation bigint NOT NULL DEFAULT 1,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  -- The first eight digits of the names of the server's log files.
  timeline text NOT NULL,
  prove_time timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

INSERT INTO primary_server (timeline) VALUES (substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8));
