-- How many runs of a project may wait, in shares that belong to partitions: whoever owns one accepts runs within it and asks nobody.

-- Null: what the house's setting says.
ALTER TABLE projects ADD COLUMN queue_limit integer CHECK (queue_limit > 0);

CREATE TABLE queue_shares (
  project_id uuid NOT NULL,
  partition integer NOT NULL,
  -- Waiting runs that the partition may have. The sum over a project's partitions is at most its limit.
  share integer NOT NULL,
  -- What it would have on top, if others gave back what they do not need.
  wanted integer NOT NULL DEFAULT 0,
  -- Of the newest request about it: one that arrives late changes nothing.
  number bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id, partition)
) WITH (fillfactor = 50);
CREATE INDEX queue_shares_by_partition ON queue_shares (partition);
CREATE INDEX queue_shares_wanted ON queue_shares (project_id) WHERE wanted > 0;
