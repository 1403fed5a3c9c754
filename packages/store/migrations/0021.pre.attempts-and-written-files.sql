-- What a run's page tells beside its steps: attempts that came to nothing, and the files that it has written.

-- One row for each attempt that was lost with its assignment: few runs have any, and the attempt that ends a step is the step's
-- own row. Written by the commit that follows from the loss; gone with the run.
CREATE TABLE step_attempts (
  run_id uuid NOT NULL,
  -- Of the step run.
  path text NOT NULL,
  -- From 1 within the step run. Of many, those in the middle are not kept.
  number integer NOT NULL,
  assignment integer NOT NULL,
  -- Empty when it is not known.
  runner text NOT NULL,
  -- Null when it is not known.
  start_time timestamptz,
  end_time timestamptz NOT NULL,
  -- How it came to nothing: see core/src/owner/record.ts.
  loss text NOT NULL,
  PRIMARY KEY (run_id, path, number)
);

-- The run that has written a file's content. Older releases write files without saying so: it is believed only as long as the
-- object is the one that it has written.
ALTER TABLE files
  ADD COLUMN writer_run_id uuid,
  ADD COLUMN writer_object_id uuid;
CREATE INDEX files_by_writer ON files (writer_run_id, path) WHERE writer_run_id IS NOT NULL;
