-- How runs and pools did over time, in intervals of several lengths: counted from the record by a scheduler every 10 s, each coarser
-- interval from the finer ones. Nothing is written for a single run.

-- Finds the runs that ended lately, however many there are; beside an insert it costs next to nothing. Days that are there
-- already get theirs from the housekeeping.
CREATE INDEX history_runs_by_end ON ONLY history_runs USING brin (end_time)
  WITH (pages_per_range = 32, autosummarize = on);

-- How far each length of interval is counted.
CREATE TABLE series_progress (
  -- Seconds.
  resolution integer PRIMARY KEY,
  counted_until timestamptz NOT NULL
);

-- Intervals that somebody has counted: where one is missing, nobody knows what happened.
CREATE TABLE series_intervals (
  resolution integer NOT NULL,
  time timestamptz NOT NULL,
  PRIMARY KEY (resolution, time)
);

CREATE TABLE series_runs (
  resolution integer NOT NULL,
  project_id uuid NOT NULL,
  -- Empty for all runs of the project, `w:` and the id of a workflow, `p:` and the name of a pool.
  scope text NOT NULL,
  time timestamptz NOT NULL,
  accepted bigint NOT NULL,
  succeeded bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  -- Class and count in turn, by class: see store/src/series/histogram.ts.
  durations integer[] NOT NULL,
  waits integer[] NOT NULL,
  PRIMARY KEY (resolution, project_id, scope, time)
);
CREATE INDEX series_runs_by_time ON series_runs (resolution, time);

-- Sums over the samples of an interval; of a runner too, which has no runners and nothing that waits.
CREATE TABLE series_pools (
  resolution integer NOT NULL,
  time timestamptz NOT NULL,
  pool text NOT NULL,
  -- Empty for the whole pool.
  runner text NOT NULL,
  samples integer NOT NULL,
  slots double precision NOT NULL,
  busy double precision NOT NULL,
  warm double precision NOT NULL,
  runners double precision NOT NULL,
  memory_max bigint NOT NULL,
  cold_starts bigint NOT NULL,
  -- Samples in which all schedulers said what waits.
  waiting_samples integer NOT NULL,
  waiting double precision NOT NULL,
  waiting_max bigint NOT NULL,
  oldest_wait_ms_max bigint NOT NULL,
  PRIMARY KEY (resolution, time, pool, runner)
);

-- Counters of runners as they were read last: a series has what they have grown by.
CREATE TABLE series_counters (
  runner text PRIMARY KEY,
  incarnation text NOT NULL,
  cold_starts bigint NOT NULL,
  seen_time timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What waits at each scheduler, as it has said last.
CREATE TABLE series_waiting (
  scheduler text PRIMARY KEY,
  pools json NOT NULL,
  seen_time timestamptz NOT NULL
) WITH (fillfactor = 50);
