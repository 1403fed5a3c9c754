-- People who sign in, and their sessions.

CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  -- Unique in the house: people sign in with it.
  name text NOT NULL UNIQUE,
  -- Of scrypt, with its parameters: see store/src/people/password-hash.ts.
  password_hash text NOT NULL,
  -- True until its user has chosen another one.
  password_initial boolean NOT NULL,
  administrator boolean NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  sign_in_time timestamptz
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- SHA-256 of the token.
  hash text NOT NULL UNIQUE,
  project_id uuid NOT NULL REFERENCES projects,
  -- A session is a user's or an API key's.
  user_id uuid REFERENCES users ON DELETE CASCADE,
  api_key_id uuid REFERENCES api_keys ON DELETE CASCADE,
  user_agent text NOT NULL,
  client_ip text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- To the minute.
  use_time timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(user_id, api_key_id) = 1)
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_api_key ON sessions (api_key_id);
CREATE INDEX sessions_by_use_time ON sessions (use_time);

-- To the minute; null for never.
ALTER TABLE api_keys ADD COLUMN use_time timestamptz;
