-- Waiting runs stay out of memory, in the order in which they start; messages between partitions, by whom they are for.

-- A run is parked while it waits in the record alone: its owner has no copy of it, and gives it to no runner before a commit
-- that says so. Runs that start at once never are. `death_causes` has one letter for each of `deaths`.
ALTER TABLE runs
  ADD COLUMN priority smallint NOT NULL DEFAULT 0,
  ADD COLUMN parked boolean NOT NULL DEFAULT false,
  ADD COLUMN death_causes text NOT NULL DEFAULT '';
ALTER TABLE history_runs ADD COLUMN priority smallint NOT NULL DEFAULT 0;

-- Every run that is not paused is in one of these: what a takeover reads, or what is paged in.
DROP INDEX runs_by_workflow;
CREATE INDEX runs_by_workflow ON runs (partition, workflow_id, sequence) WHERE wake_time IS NULL AND NOT parked;
CREATE INDEX runs_parked ON runs (partition, workflow_id, (-priority), sequence) WHERE parked;

-- Thousands of runs may wake at the same moment: a page ends between two of them.
DROP INDEX runs_by_wake_time;
CREATE INDEX runs_by_wake_time ON runs (partition, wake_time, id) WHERE wake_time IS NOT NULL;

-- Who a message is for, and its order among the messages for the same. Older releases, which say neither, get what keeps theirs
-- in the order in which they were written.
CREATE SEQUENCE outbox_older;
ALTER TABLE outbox
  ADD COLUMN target text NOT NULL DEFAULT 'older',
  ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
UPDATE outbox o SET sequence = w.place FROM (
  SELECT id, nextval('outbox_older') AS place FROM (SELECT id FROM outbox ORDER BY create_time, id DESC) sorted
) w WHERE o.id = w.id;
ALTER TABLE outbox ALTER COLUMN sequence SET DEFAULT nextval('outbox_older');
DROP INDEX outbox_by_partition;
CREATE INDEX outbox_by_target ON outbox (partition, target, sequence, create_time, id);
