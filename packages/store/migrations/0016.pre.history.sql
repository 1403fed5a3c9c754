-- History that is found fast, kept as long as somebody wants it, and its dead letters.

-- Type and text of what failed a run, to be searched; null for other runs, and for those that older releases ended.
ALTER TABLE history_runs ADD COLUMN failure text;

-- Nearly all runs succeed: these indexes cost them nothing, and lead to the others however rare those are.
CREATE INDEX history_runs_unsuccessful_by_workflow ON history_runs (workflow_id, state, id) WHERE state <> 'SUCCEEDED';
CREATE INDEX history_runs_unsuccessful_by_project ON history_runs (project_id, state, id) WHERE state <> 'SUCCEEDED';
-- A run lies in the day of its acceptance. What ended much later may have to be kept when its day has become old.
CREATE INDEX history_runs_late ON history_runs (end_time) WHERE end_time - create_time > interval '1 day';

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
