-- What people edit before they deploy it, and their tests of it.

CREATE TABLE drafts (
  -- Also stands for the workflow in the runs that test it, so that these have a queue and a partition of their own.
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workflow_id uuid NOT NULL UNIQUE REFERENCES workflows,
  -- Raised by every change.
  revision bigint NOT NULL DEFAULT 1,
  -- Settings, steps with their code, and modules: see store/src/drafts/draft-records.ts.
  body json NOT NULL,
  -- The version that it was made of, or that was made of it last; null before the first deploy.
  base_version_id uuid REFERENCES versions,
  -- Who has made the newest change, for people.
  author text NOT NULL,
  update_time timestamptz NOT NULL DEFAULT now()
);

-- What a draft was, a bounded number of times: undo.
CREATE TABLE draft_revisions (
  draft_id uuid NOT NULL REFERENCES drafts ON DELETE CASCADE,
  revision bigint NOT NULL,
  body json NOT NULL,
  author text NOT NULL,
  create_time timestamptz NOT NULL,
  PRIMARY KEY (draft_id, revision)
);

-- A version that only tests run has a negative number and names its content, so that the same content is the same version,
-- with its warm environments.
ALTER TABLE versions ADD COLUMN test_hash text;
CREATE INDEX versions_by_test_hash ON versions (workflow_id, test_hash) WHERE test_hash IS NOT NULL;

-- Tests of drafts. The run itself is in the history; this says what was tested.
CREATE TABLE draft_tests (
  run_id uuid PRIMARY KEY,
  draft_id uuid NOT NULL REFERENCES drafts ON DELETE CASCADE,
  -- The step's id in the draft; empty for all steps in one run.
  step_id text NOT NULL,
  -- By id of the steps that ran, a hash of each as it was.
  hashes json NOT NULL,
  -- Results of earlier tests that this one was given: name, run and path of each.
  given json NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX draft_tests_by_draft ON draft_tests (draft_id, create_time DESC);

-- Requests to a draft's test address, a bounded number of them.
CREATE TABLE draft_events (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  draft_id uuid NOT NULL REFERENCES drafts ON DELETE CASCADE,
  event bytea NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX draft_events_by_draft ON draft_events (draft_id, id);
