-- Whose names runners have. A name belongs to a key as long as a credential for it lives: nobody else gets one meanwhile.

CREATE TABLE runner_identities (
  name text PRIMARY KEY,
  pool text NOT NULL,
  -- The runner's public NKey; the private one never leaves it.
  public_key text NOT NULL,
  expire_time timestamptz NOT NULL,
  -- Set when the operator has taken the identity away: its key gets no further credential.
  revoke_time timestamptz
);

CREATE INDEX runner_identities_expire_time ON runner_identities (expire_time);
