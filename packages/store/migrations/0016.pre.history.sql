-- History that is found fast, kept as long as somebody wants it, and its dead letters.

-- Type and text of what failed a run, to be searched; null for other runs, and for those that older releases ended.
ALTER TABLE history_runs ADD COLUMN failure text;

-- Nearly all runs succeed: these indexes cost them nothing, and lead to the others however rare those are. Days that are there
-- already get theirs from the housekeeping, one after the other and beside those who write; here that would hold up all commits.
CREATE INDEX history_runs_unsuccessful_by_workflow ON ONLY history_runs (workflow_id, state, id)
  WHERE state <> 'SUCCEEDED';
CREATE INDEX history_runs_unsuccessful_by_project ON ONLY history_runs (project_id, state, id)
  WHERE state <> 'SUCCEEDED';
-- A run lies in the day of its acceptance. What ended much later may have to be kept when its day has become old.
CREATE INDEX history_runs_late ON ONLY history_runs (end_time) WHERE end_time - create_time > interval '1 day';

-- How long history is kept; null leaves it to the next in line: a workflow's own row (set by a person), its live version
-- (`workflow.yaml`), the project, the house's setting.
ALTER TABLE projects
  ADD COLUMN history_days integer,
  ADD COLUMN history_runs integer;
ALTER TABLE workflows
  ADD COLUMN history_days integer,
  ADD COLUMN history_runs integer;
ALTER TABLE versions
  ADD COLUMN history_days integer,
  ADD COLUMN history_runs integer;

-- Failed runs are dead letters until somebody has settled them. Gone with the run.
CREATE TABLE dead_letters_settled (
  -- Of the failed run.
  run_id uuid PRIMARY KEY,
  project_id uuid NOT NULL,
  -- REPLAYING (the new run may not have been accepted yet), REPLAYED or DISCARDED.
  action text NOT NULL,
  -- The run that replays it.
  replay_id uuid,
  settle_time timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 90);

-- What schedulers go by, for those who show it.
ALTER TABLE house
  ADD COLUMN history_days integer,
  ADD COLUMN history_runs integer;

-- Most bytes that a project stores beside its runs; null leaves it to the house.
ALTER TABLE projects ADD COLUMN storage_bytes_max bigint;

-- What projects store, in parts, so that writers do not wait for one row. Counted where it is written, in the same transaction; data
-- stores have counters of their own. Housekeeping puts right what an older release has not counted.
CREATE TABLE storage_usage (
  project_id uuid NOT NULL,
  part smallint NOT NULL,
  object_bytes bigint NOT NULL DEFAULT 0,
  remembered_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id, part)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE FUNCTION storage_count(in_project uuid, in_objects bigint, in_remembered bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO storage_usage AS u (project_id, part, object_bytes, remembered_bytes)
  VALUES (in_project, pg_backend_pid() % 16, in_objects, in_remembered)
  ON CONFLICT (project_id, part) DO UPDATE SET object_bytes = u.object_bytes + excluded.object_bytes,
    remembered_bytes = u.remembered_bytes + excluded.remembered_bytes
$$;

CREATE FUNCTION storage_count_chunk() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage_count(project_id, octet_length(NEW.content), 0) FROM objects WHERE id = NEW.object_id;
  RETURN NULL;
END $$;
CREATE TRIGGER storage_more AFTER INSERT ON object_chunks FOR EACH ROW EXECUTE FUNCTION storage_count_chunk();

CREATE FUNCTION storage_count_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage_count(project_id, -bytes, 0) FROM (
    SELECT o.project_id, sum(octet_length(g.content)) AS bytes FROM gone g JOIN objects o ON o.id = g.object_id
    GROUP BY o.project_id ORDER BY o.project_id) p;
  RETURN NULL;
END $$;
CREATE TRIGGER storage_less AFTER DELETE ON object_chunks REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION storage_count_removed();

-- Large results of writes that are remembered; what is small is bounded by the number of writes.
ALTER TABLE data_store_operations
  ADD COLUMN project_id uuid,
  ADD COLUMN remembered_bytes integer NOT NULL DEFAULT 0;
CREATE INDEX data_store_operations_remembered ON data_store_operations (project_id) INCLUDE (remembered_bytes)
  WHERE remembered_bytes > 0;

CREATE FUNCTION storage_count_remembered() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.project_id := (SELECT project_id FROM runs WHERE id = NEW.run_id);
  IF NEW.project_id IS NOT NULL THEN
    NEW.remembered_bytes := pg_column_size(NEW.results);
    PERFORM storage_count(NEW.project_id, 0, NEW.remembered_bytes - OLD.remembered_bytes);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER storage_remembered BEFORE UPDATE OF results ON data_store_operations
  FOR EACH ROW WHEN (pg_column_size(NEW.results) > 2048) EXECUTE FUNCTION storage_count_remembered();

CREATE FUNCTION storage_count_forgotten() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage_count(OLD.project_id, 0, -OLD.remembered_bytes);
  RETURN NULL;
END $$;
CREATE TRIGGER storage_forgotten AFTER DELETE ON data_store_operations
  FOR EACH ROW WHEN (OLD.remembered_bytes > 0) EXECUTE FUNCTION storage_count_forgotten();
