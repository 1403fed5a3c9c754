-- Paused runs stay out of memory, and messages between partitions.

-- A run has a wake time as long as it is paused, and no longer. A takeover reads the others; a list of a workflow's runs
-- reads both. Whether an index has a run changes with its pauses alone, so what never pauses is updated within its page.
DROP INDEX runs_by_workflow;
CREATE INDEX runs_by_workflow ON runs (partition, workflow_id, sequence) WHERE wake_time IS NULL;
CREATE INDEX runs_paused_by_workflow ON runs (partition, workflow_id, id) WHERE wake_time IS NOT NULL;

-- Messages of runs to the owners of other runs, each written by the commit that it follows from and deleted by the commit
-- that hears of the receiver's.
CREATE TABLE outbox (
  id text PRIMARY KEY,
  partition integer NOT NULL,
  run_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- Kind and addresses.
  body json NOT NULL,
  -- Event or result.
  payload bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX outbox_by_partition ON outbox (partition, create_time, id);
