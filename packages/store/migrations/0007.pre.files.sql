-- The long-term file store of a project. Directories are what the paths say.

CREATE TABLE files (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  -- Without a leading slash. Sorted by bytes, so that everything below a directory lies together.
  path text COLLATE "C" NOT NULL,
  -- The file is among its object's retainers, under its id.
  object_id uuid NOT NULL REFERENCES objects,
  size bigint NOT NULL,
  content_type text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  update_time timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, path)
);
-- Whoever removes an object asks whether it is a file's.
CREATE INDEX files_by_object ON files (object_id);

-- What a project's files take together, so that a bound costs no count. One row is one order of a project's changes.
CREATE TABLE file_usage (
  project_id uuid PRIMARY KEY REFERENCES projects,
  files bigint NOT NULL,
  bytes bigint NOT NULL
);
