-- Secrets are encrypted with the house's master key, and accounts of other people's services are connected.
--
-- What is `sealed` opens only with the key and only at its own place: see store/src/secrets/vault.ts.

-- A process that has the key moves each plain value over and empties it.
ALTER TABLE variables ALTER COLUMN value DROP NOT NULL;
ALTER TABLE variables ADD COLUMN sealed bytea;
ALTER TABLE variables ADD CONSTRAINT variables_have_one_value CHECK (num_nonnulls(value, sealed) = 1);

-- Apps of a project: those that it defines itself, and its OAuth clients at those and at the built-in ones.
CREATE TABLE apps (
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  -- Null for a built-in app.
  definition json,
  -- The OAuth client's id and secret as JSON.
  sealed_client bytea,
  update_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, name)
);

CREATE TABLE accounts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  app text NOT NULL,
  -- How it was connected: with fields that somebody knows, or by OAuth.
  kind text NOT NULL,
  state text NOT NULL,
  -- Why it does not work; for people, and without secrets.
  problem text NOT NULL DEFAULT '',
  -- Names of the fields, each with whether it is secret.
  fields json NOT NULL,
  -- The fields' values, and the refresh token, as JSON.
  sealed bytea NOT NULL,
  -- Raised by every change of what is sealed.
  revision bigint NOT NULL DEFAULT 1,
  -- When its token stops to work; null when it does not.
  expire_time timestamptz,
  -- Who refreshes the token at the moment, and until when others wait for that.
  refresh_holder uuid,
  refresh_until timestamptz,
  create_time timestamptz NOT NULL DEFAULT now(),
  update_time timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, name)
);

-- Authorizations that a person was sent to a provider for. Taking one deletes it, so that each works once.
CREATE TABLE account_authorizations (
  -- SHA-256 of the `state` that the provider hands back.
  state_hash bytea PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  -- The PKCE verifier and what the browser must prove, as JSON.
  sealed bytea NOT NULL,
  expire_time timestamptz NOT NULL
);
CREATE INDEX account_authorizations_by_account ON account_authorizations (account_id);
