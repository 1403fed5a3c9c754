-- The first schema of a house.
--
-- User data (events, exports, return values, answers) is opaque bytes in UTF-8: bytea keeps it as it came and cannot refuse
-- it, as text (no NUL) and jsonb (no \u0000, no lone surrogates, other numbers) would. Structured data of our own is `json`.

CREATE TABLE house (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  partition_count integer NOT NULL CHECK (partition_count > 0),
  -- Raised by every change of a definition, in its transaction. The row lock puts these changes in one order.
  definitions_generation bigint NOT NULL DEFAULT 0,
  create_time timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- ownership

-- Commits lock their rows FOR SHARE, a takeover updates them: room for the new row version beside the old one.
CREATE TABLE partitions (
  partition integer PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- One row for each incarnation of a scheduler. `number` is its newest commit.
CREATE TABLE committers (
  id text PRIMARY KEY,
  number bigint NOT NULL DEFAULT 0,
  seen_time timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

-- ---------------------------------------------------------------- definitions

CREATE TABLE projects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL UNIQUE,
  -- Raised by every change of the project's variables.
  variables_generation bigint NOT NULL DEFAULT 1,
  create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  -- SHA-256 of the key.
  hash text NOT NULL UNIQUE,
  -- Generation of its last change.
  generation bigint NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  revoke_time timestamptz
);
CREATE INDEX api_keys_by_generation ON api_keys (generation);

CREATE TABLE workflows (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  -- The version that is live; null before the first deploy.
  version_id uuid,
  -- Generation of its last change.
  generation bigint NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  delete_time timestamptz
);
CREATE UNIQUE INDEX workflows_by_name ON workflows (project_id, name) WHERE delete_time IS NULL;
CREATE INDEX workflows_by_generation ON workflows (generation);

-- Never updated.
CREATE TABLE versions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workflow_id uuid NOT NULL REFERENCES workflows,
  number integer NOT NULL,
  definition json NOT NULL,
  sources json NOT NULL,
  -- What owners must know: pool, step names, limits.
  spec json NOT NULL,
  python_minor text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workflow_id, number)
);
ALTER TABLE workflows ADD FOREIGN KEY (version_id) REFERENCES versions;

-- A trigger that a deploy leaves out stays, inactive, so that a later deploy or a roll back finds its endpoint again.
CREATE TABLE triggers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workflow_id uuid NOT NULL REFERENCES workflows,
  name text NOT NULL,
  kind text NOT NULL,
  endpoint text NOT NULL UNIQUE,
  settings json NOT NULL,
  -- Place in the live version; null when inactive.
  place integer,
  create_time timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workflow_id, name)
);

CREATE TABLE variables (
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  value text NOT NULL,
  secret boolean NOT NULL,
  update_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, name)
);

-- ---------------------------------------------------------------- unfinished runs

-- No index has a column that a commit of a running run changes, and pages keep room, so those updates stay in their page.
-- No foreign keys: the owner knows what it writes, and each would cost a look-up per run.
CREATE TABLE runs (
  id uuid PRIMARY KEY,
  partition integer NOT NULL,
  -- Order of acceptance in the partition.
  sequence bigint NOT NULL,
  project_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  version_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'PENDING',
  assignment integer NOT NULL DEFAULT 1,
  deaths integer NOT NULL DEFAULT 0,
  steps_done integer NOT NULL DEFAULT 0,
  create_time timestamptz NOT NULL,
  start_time timestamptz,
  wake_time timestamptz,
  event_falls_back_to_body boolean NOT NULL,
  wants_answer boolean NOT NULL,
  wants_end boolean NOT NULL,
  gateway text NOT NULL,
  trigger_kind text NOT NULL,
  trace_parent text NOT NULL,
  trace_id text NOT NULL,
  event bytea NOT NULL,
  context bytea NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX runs_by_workflow ON runs (partition, workflow_id, sequence);
CREATE INDEX runs_by_wake_time ON runs (partition, wake_time) WHERE wake_time IS NOT NULL;

-- Committed steps of unfinished runs.
CREATE TABLE run_steps (
  run_id uuid NOT NULL,
  path text NOT NULL,
  -- From 1, in the order in which they ran.
  ordinal integer NOT NULL,
  -- The assignment that it ran in.
  assignment integer NOT NULL,
  name text NOT NULL,
  execution_id text NOT NULL,
  start_time timestamptz NOT NULL,
  end_time timestamptz NOT NULL,
  last_log_sequence bigint NOT NULL,
  exports bytea NOT NULL,
  return_value bytea,
  response_body bytea,
  -- Failure, exit, pause and the answer's head; null when the step has none of them.
  detail json,
  PRIMARY KEY (run_id, path)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

CREATE TABLE idempotency_keys (
  workflow_id uuid NOT NULL,
  key text NOT NULL,
  run_id uuid NOT NULL,
  expire_time timestamptz NOT NULL,
  PRIMARY KEY (workflow_id, key)
);
CREATE INDEX idempotency_keys_by_expire_time ON idempotency_keys (expire_time);

-- ---------------------------------------------------------------- history, by day of the run's id

CREATE TABLE history_runs (
  day date NOT NULL,
  id uuid NOT NULL,
  partition integer NOT NULL,
  sequence bigint NOT NULL,
  project_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  version_id uuid NOT NULL,
  state text NOT NULL,
  assignment integer NOT NULL,
  deaths integer NOT NULL,
  create_time timestamptz NOT NULL,
  start_time timestamptz,
  end_time timestamptz NOT NULL,
  event_falls_back_to_body boolean NOT NULL,
  trigger_kind text NOT NULL,
  trace_parent text NOT NULL,
  trace_id text NOT NULL,
  exit_reason text NOT NULL,
  event bytea NOT NULL,
  context bytea NOT NULL,
  PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX history_runs_by_workflow ON history_runs (workflow_id, id);
CREATE INDEX history_runs_by_project ON history_runs (project_id, id);
CREATE TABLE history_runs_other PARTITION OF history_runs DEFAULT;

CREATE TABLE history_steps (
  day date NOT NULL,
  run_id uuid NOT NULL,
  path text NOT NULL,
  ordinal integer NOT NULL,
  assignment integer NOT NULL,
  name text NOT NULL,
  execution_id text NOT NULL,
  start_time timestamptz NOT NULL,
  end_time timestamptz NOT NULL,
  last_log_sequence bigint NOT NULL,
  exports bytea NOT NULL,
  return_value bytea,
  response_body bytea,
  detail json,
  PRIMARY KEY (day, run_id, path)
) PARTITION BY RANGE (day);
CREATE TABLE history_steps_other PARTITION OF history_steps DEFAULT;

CREATE TABLE log_lines (
  day date NOT NULL,
  run_id uuid NOT NULL,
  assignment integer NOT NULL,
  sequence bigint NOT NULL,
  time timestamptz NOT NULL,
  stream text NOT NULL,
  path text NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (day, run_id, assignment, sequence)
) PARTITION BY RANGE (day);
CREATE TABLE log_lines_other PARTITION OF log_lines DEFAULT;
