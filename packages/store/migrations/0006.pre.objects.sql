-- Content that is too large for a row or a message: events, exports, answers, what /tmp held, uploads, files.
--
-- The content comes first, in chunks; then the object is finished and retained in one statement, and only then may anything
-- name it. What nobody retains is collected after a while, half-written content included.

CREATE TABLE objects (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL,
  -- Null until the content is whole.
  size bigint,
  sha256 bytea,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- Since when nobody retains it; null while somebody does. Moved on while the content is still coming.
  unretained_time timestamptz DEFAULT now()
);
CREATE INDEX objects_by_unretained_time ON objects (unretained_time) WHERE unretained_time IS NOT NULL;

CREATE TABLE object_chunks (
  object_id uuid NOT NULL REFERENCES objects ON DELETE CASCADE,
  -- Offset of its first byte.
  position bigint NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (object_id, position)
);
-- Not compressed: it costs more time than it saves room, and ranges are read.
ALTER TABLE object_chunks ALTER COLUMN content SET STORAGE EXTERNAL;

-- Who keeps an object: a run (its payloads), a run's /tmp, a file, an upload.
CREATE TABLE object_retainers (
  kind text NOT NULL,
  -- Ids of runs sort by time.
  owner_id text COLLATE "C" NOT NULL,
  object_id uuid NOT NULL REFERENCES objects,
  retain_time timestamptz NOT NULL DEFAULT now(),
  -- False until it is known that the run was accepted; always true for what is no run's.
  settled boolean NOT NULL,
  PRIMARY KEY (kind, owner_id, object_id)
);
CREATE INDEX object_retainers_by_object ON object_retainers (object_id);
CREATE INDEX object_retainers_unsettled ON object_retainers (retain_time) WHERE NOT settled;
