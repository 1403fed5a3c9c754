-- What a version imports beside its steps.
ALTER TABLE versions
  -- Text of Python modules by path below the folder that imports are looked up in.
  ADD COLUMN modules json NOT NULL DEFAULT '{}',
  -- The locked packages with what was asked for; null when the version has none.
  ADD COLUMN packages json;
