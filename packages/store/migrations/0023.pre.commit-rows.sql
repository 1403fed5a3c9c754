-- What a commit sends, by kind: the rows of a kind are one parameter, an array of its type, where each column was an array of its
-- own. Releases write these types as they are here for good; other columns are another type.

CREATE TYPE commit_accept AS (
  partition int4,
  id uuid,
  day date,
  sequence int8,
  project_id uuid,
  workflow_id uuid,
  version_id uuid,
  create_time timestamptz,
  event_falls_back_to_body bool,
  wants_answer bool,
  wants_end bool,
  gateway text,
  trigger_kind text,
  trace_parent text,
  trace_id text,
  event bytea,
  context bytea,
  key text,
  priority int4,
  parked bool,
  steps_done int4
);

CREATE TYPE commit_taken AS (
  run_id uuid,
  ordinal int4,
  path text,
  name text,
  execution_id text,
  start_time timestamptz,
  end_time timestamptz,
  exports bytea,
  return_value bytea,
  detail json
);

CREATE TYPE commit_update AS (
  partition int4,
  id uuid,
  state text,
  assignment int4,
  start_time timestamptz,
  wake_time timestamptz,
  death_causes text,
  parked bool,
  path text,
  name text,
  execution_id text,
  step_start_time timestamptz,
  step_end_time timestamptz,
  last_log_sequence int8,
  exports bytea,
  return_value bytea,
  response_body bytea,
  detail json
);

CREATE TYPE commit_end AS (
  partition int4,
  id uuid,
  day date,
  state text,
  assignment int4,
  start_time timestamptz,
  end_time timestamptz,
  exit_reason text,
  failure text,
  path text,
  name text,
  execution_id text,
  step_start_time timestamptz,
  step_end_time timestamptz,
  last_log_sequence int8,
  exports bytea,
  return_value bytea,
  response_body bytea,
  detail json
);

CREATE TYPE commit_delivered AS (
  partition int4,
  id text
);

CREATE TYPE commit_outbox AS (
  partition int4,
  id text,
  target text,
  sequence int8,
  run_id uuid,
  body json,
  payload bytea
);

CREATE TYPE commit_loss AS (
  partition int4,
  run_id uuid,
  path text,
  assignment int4,
  runner text,
  start_time timestamptz,
  end_time timestamptz,
  loss text
);
