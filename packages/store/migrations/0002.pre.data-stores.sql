-- Data stores: what user code keeps between runs.
--
-- Keys and values are bytes: a key is UTF-8, so that any of Python's strings fits, and a value is the JSON text that it was.

CREATE TABLE data_stores (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects,
  name text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, name)
);

CREATE TABLE data_store_records (
  store_id uuid NOT NULL REFERENCES data_stores ON DELETE CASCADE,
  key bytea NOT NULL,
  value bytea NOT NULL,
  expire_time timestamptz,
  update_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (store_id, key)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX data_store_records_by_expire_time ON data_store_records (store_id, expire_time) WHERE expire_time IS NOT NULL;

-- What a store holds, in parts, so that writers of one store do not wait for one row.
CREATE TABLE data_store_sizes (
  store_id uuid NOT NULL REFERENCES data_stores ON DELETE CASCADE,
  part smallint NOT NULL,
  records bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (store_id, part)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- What each write of an unfinished run has brought: a second copy finds it here, and so does the same write of a step that is
-- run again. Gone some time after the run.
CREATE TABLE data_store_operations (
  run_id uuid NOT NULL,
  path text NOT NULL,
  execution bigint NOT NULL,
  number bigint NOT NULL,
  assignment integer NOT NULL,
  -- SHA-256 of what was asked for.
  digest bytea NOT NULL,
  results bytea[] NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, path, execution, number)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- The store's id; made when a write is the first to name it.
CREATE FUNCTION data_store_id(in_project uuid, in_name text, in_stores_max integer) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  found_id uuid;
BEGIN
  SELECT id INTO found_id FROM data_stores WHERE project_id = in_project AND name = in_name;
  IF FOUND THEN
    RETURN found_id;
  END IF;
  IF (SELECT count(*) FROM data_stores WHERE project_id = in_project) >= in_stores_max THEN
    RAISE EXCEPTION 'TOO_MANY_STORES' USING ERRCODE = 'MR001';
  END IF;
  INSERT INTO data_stores (project_id, name) VALUES (in_project, in_name) ON CONFLICT DO NOTHING;
  SELECT id INTO found_id FROM data_stores WHERE project_id = in_project AND name = in_name;
  RETURN found_id;
END $$;

-- One operation on one key. Raises MR001 with a reason when it cannot be.
--   set         writes the value
--   insert      writes the value unless the key is there; returns what is there
--   delete      returns what was there
--   increment   adds the amount to a number, 0 when there is none; returns the sum
--   append      puts the value, one or more JSON values with commas between them, behind those of an array
--   expire      changes when the record ends; returns a byte when it is there
-- A time to live below 0 keeps the one that is there (a record that is new has none then); null means none. That of an
-- increment is for a record that is new.
CREATE FUNCTION data_store_apply(
  in_store uuid, in_kind text, in_key bytea, in_value bytea, in_amount numeric, in_ttl double precision, in_value_max integer,
  OUT result bytea, OUT records integer, OUT bytes integer
) LANGUAGE plpgsql AS $$
DECLARE
  old data_store_records;
  present boolean;
  live boolean;
  made bytea := in_value;
  ends timestamptz := CASE WHEN in_ttl >= 0 THEN clock_timestamp() + in_ttl * interval '1 second' END;
BEGIN
  records := 0;
  bytes := 0;
  SELECT * INTO old FROM data_store_records WHERE store_id = in_store AND key = in_key;
  present := FOUND;
  live := present AND (old.expire_time IS NULL OR old.expire_time > clock_timestamp());
  IF in_kind IN ('insert', 'delete') AND live THEN
    result := old.value;
  END IF;
  CASE in_kind
    WHEN 'set' THEN
      NULL;
    WHEN 'insert' THEN
      IF live THEN
        RETURN;
      END IF;
    WHEN 'delete' THEN
      DELETE FROM data_store_records WHERE store_id = in_store AND key = in_key;
      IF present THEN
        records := -1;
        bytes := -(octet_length(old.key) + octet_length(old.value));
      END IF;
      RETURN;
    WHEN 'expire' THEN
      IF live THEN
        UPDATE data_store_records SET expire_time = ends WHERE store_id = in_store AND key = in_key;
        result := '\x01';
      END IF;
      RETURN;
    WHEN 'increment' THEN
      IF live AND (octet_length(old.value) > 1000
        OR convert_from(old.value, 'UTF8') !~ '^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$') THEN
        RAISE EXCEPTION 'NOT_A_NUMBER' USING ERRCODE = 'MR001';
      END IF;
      made := convert_to((CASE WHEN live THEN convert_from(old.value, 'UTF8')::numeric ELSE 0 END + in_amount)::text, 'UTF8');
      IF octet_length(made) > 1000 THEN
        RAISE EXCEPTION 'NOT_A_NUMBER' USING ERRCODE = 'MR001';
      END IF;
      result := made;
    WHEN 'append' THEN
      IF live AND get_byte(old.value, 0) <> ascii('[') THEN
        RAISE EXCEPTION 'NOT_A_LIST' USING ERRCODE = 'MR001';
      END IF;
      IF live THEN
        made := btrim(substring(old.value FROM 2 FOR octet_length(old.value) - 2), '\x20090a0d');
      END IF;
      made := '\x5b' || CASE WHEN live AND made <> '' THEN made || '\x2c' ELSE '' END || in_value || '\x5d';
  END CASE;
  IF octet_length(made) > in_value_max THEN
    RAISE EXCEPTION 'VALUE_TOO_LARGE' USING ERRCODE = 'MR001';
  END IF;
  IF live AND (in_ttl < 0 OR in_kind = 'increment') THEN
    ends := old.expire_time;
  END IF;
  INSERT INTO data_store_records (store_id, key, value, expire_time) VALUES (in_store, in_key, made, ends)
  ON CONFLICT (store_id, key) DO UPDATE SET value = excluded.value, expire_time = excluded.expire_time, update_time = now();
  records := CASE WHEN present THEN 0 ELSE 1 END;
  bytes := octet_length(made) + CASE WHEN present THEN -octet_length(old.value) ELSE octet_length(in_key) END;
END $$;

-- Whether two JSON texts mean the same; bytes decide where Postgres cannot read them.
CREATE FUNCTION data_store_equal(one bytea, other bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN one = other OR convert_from(one, 'UTF8')::jsonb = convert_from(other, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN false;
END $$;

-- Adds to what a store holds, in the part of this session.
CREATE FUNCTION data_store_count(in_store uuid, in_records bigint, in_bytes bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO data_store_sizes AS s (store_id, part, records, bytes)
  VALUES (in_store, pg_backend_pid() % 16, in_records, in_bytes)
  ON CONFLICT (store_id, part) DO UPDATE SET records = s.records + excluded.records, bytes = s.bytes + excluded.bytes
$$;

-- Whether a write that was made on a condition, for a limited time, still stands: a lock that has run out is not had again
-- because the step that took it is run again.
CREATE FUNCTION data_store_holds(in_store uuid, in_kinds text[], in_keys bytea[], in_values bytea[], in_ttls double precision[])
RETURNS boolean LANGUAGE sql AS $$
  SELECT NOT 'check' = ANY (in_kinds) OR NOT EXISTS (
    SELECT FROM unnest(in_kinds, in_keys, in_values, in_ttls) AS o (kind, key, value, ttl)
    LEFT JOIN data_store_records r ON r.store_id = in_store AND r.key = o.key AND r.value = o.value
      AND (r.expire_time IS NULL OR r.expire_time > clock_timestamp())
    WHERE o.kind = 'set' AND o.ttl >= 0 AND r.key IS NULL)
$$;

-- A transaction: all of it, or nothing and the reason.
--
-- Keys share 256 locks in each store, so that a large transaction cannot fill the server's table of locks. The caller sorts
-- them, so that no two writers wait for each other in a circle. The fence comes last: the scheduler's commit of the run waits from there on, and only until the end of this
-- statement. Operations `check` (the value is there, or for null: nothing, or JSON's null) go before the others: they see what was there before.
CREATE FUNCTION data_store_write(
  in_project uuid, in_store text, in_locks integer[],
  in_run uuid, in_assignment integer, in_path text, in_execution bigint, in_number bigint, in_digest bytea,
  in_kinds text[], in_keys bytea[], in_values bytea[], in_amounts numeric[], in_ttls double precision[],
  in_value_max integer, in_bytes_max bigint, in_stores_max integer,
  OUT reason text, OUT place integer, OUT results bytea[]
) LANGUAGE plpgsql AS $$
DECLARE
  store uuid;
  earlier data_store_operations;
  now_there bytea;
  done record;
  more_records bigint := 0;
  more_bytes bigint := 0;
  result_bytes bigint := 0;
BEGIN
  results := '{}';
  store := data_store_id(in_project, in_store, in_stores_max);
  IF in_run IS NOT NULL THEN
    INSERT INTO data_store_operations (run_id, path, execution, number, assignment, digest, results)
    VALUES (in_run, in_path, in_execution, in_number, in_assignment, in_digest, '{}') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      SELECT * INTO earlier FROM data_store_operations
      WHERE run_id = in_run AND path = in_path AND execution = in_execution AND number = in_number;
      IF earlier.digest = in_digest AND (earlier.assignment = in_assignment OR data_store_holds(store, in_kinds, in_keys, in_values, in_ttls)) THEN
        results := earlier.results;
        RETURN;
      END IF;
      IF earlier.assignment >= in_assignment THEN
        RAISE EXCEPTION 'OPERATION_REUSED' USING ERRCODE = 'MR001';
      END IF;
      -- The step is run again and does something else this time: from here on it is new.
      DELETE FROM data_store_operations
      WHERE run_id = in_run AND path = in_path AND execution = in_execution AND number >= in_number AND assignment < in_assignment;
      INSERT INTO data_store_operations (run_id, path, execution, number, assignment, digest, results)
      VALUES (in_run, in_path, in_execution, in_number, in_assignment, in_digest, '{}');
    END IF;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(store::text, 0));
  FOR i IN 1 .. cardinality(in_locks) LOOP
    PERFORM pg_advisory_xact_lock(hashtext(store::text), in_locks[i]);
  END LOOP;
  FOR i IN 1 .. cardinality(in_kinds) LOOP
    place := i;
    IF in_kinds[i] = 'check' THEN
      SELECT value INTO now_there FROM data_store_records
      WHERE store_id = store AND key = in_keys[i] AND (expire_time IS NULL OR expire_time > clock_timestamp());
      IF (CASE WHEN in_values[i] IS NULL THEN FOUND AND now_there <> 'null' ELSE NOT FOUND OR NOT data_store_equal(now_there, in_values[i]) END) THEN
        RAISE EXCEPTION 'CONFLICT' USING ERRCODE = 'MR001';
      END IF;
      results := array_append(results, NULL);
    ELSE
      SELECT * INTO done FROM data_store_apply(
        store, in_kinds[i], in_keys[i], in_values[i], in_amounts[i], in_ttls[i], in_value_max);
      -- What is found and removed fits an answer, and what is remembered of a write stays small.
      result_bytes := result_bytes + COALESCE(octet_length(done.result), 0);
      IF result_bytes > in_value_max THEN
        RAISE EXCEPTION 'RESULTS_TOO_LARGE' USING ERRCODE = 'MR001';
      END IF;
      results := array_append(results, done.result);
      more_records := more_records + done.records;
      more_bytes := more_bytes + done.bytes;
    END IF;
  END LOOP;
  place := NULL;
  IF more_records <> 0 OR more_bytes <> 0 THEN
    PERFORM data_store_count(store, more_records, more_bytes);
  END IF;
  IF more_bytes > 0 AND (SELECT sum(s.bytes) FROM data_store_sizes s WHERE s.store_id = store) > in_bytes_max THEN
    RAISE EXCEPTION 'STORE_FULL' USING ERRCODE = 'MR001';
  END IF;
  IF in_run IS NULL THEN
    RETURN;
  END IF;
  IF cardinality(array_remove(results, NULL)) > 0 THEN
    UPDATE data_store_operations o SET results = data_store_write.results
    WHERE run_id = in_run AND path = in_path AND execution = in_execution AND number = in_number;
  END IF;
  PERFORM FROM runs WHERE id = in_run AND assignment = in_assignment FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ASSIGNMENT_STALE' USING ERRCODE = 'MR001';
  END IF;
EXCEPTION
  WHEN SQLSTATE 'MR001' THEN
    reason := SQLERRM;
    results := '{}';
  WHEN numeric_value_out_of_range THEN
    reason := 'NOT_A_NUMBER';
    results := '{}';
END $$;

-- Removes up to `in_limit` records of one store that have expired.
CREATE FUNCTION data_store_expire(in_store uuid, in_limit integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
  freed bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(in_store::text, 0));
  WITH chosen AS (
    SELECT key FROM data_store_records WHERE store_id = in_store AND expire_time <= now() LIMIT in_limit
  ), gone AS (
    DELETE FROM data_store_records r USING chosen c WHERE r.store_id = in_store AND r.key = c.key
    RETURNING octet_length(r.key) + octet_length(r.value) AS size
  )
  SELECT count(*), sum(size) INTO removed, freed FROM gone;
  IF removed > 0 THEN
    PERFORM data_store_count(in_store, -removed, -freed);
  END IF;
  RETURN removed;
END $$;

-- Removes up to `in_limit` records behind a key, in the order of keys; for a run, only while its assignment is current.
CREATE FUNCTION data_store_clear(
  in_project uuid, in_store text, in_after bytea, in_limit integer, in_run uuid, in_assignment integer,
  OUT reason text, OUT removed integer, OUT last_key bytea
) LANGUAGE plpgsql AS $$
DECLARE
  store uuid;
  freed bigint;
BEGIN
  SELECT id INTO store FROM data_stores WHERE project_id = in_project AND name = in_store;
  PERFORM pg_advisory_xact_lock(hashtextextended(store::text, 0));
  WITH chosen AS (
    SELECT key FROM data_store_records WHERE store_id = store AND key > in_after ORDER BY key LIMIT in_limit
  ), gone AS (
    DELETE FROM data_store_records r USING chosen c WHERE r.store_id = store AND r.key = c.key
    RETURNING r.key, octet_length(r.key) + octet_length(r.value) AS size
  )
  SELECT count(*), sum(size), (SELECT key FROM chosen ORDER BY key DESC LIMIT 1) INTO removed, freed, last_key FROM gone;
  IF removed > 0 THEN
    PERFORM data_store_count(store, -removed, -freed);
  END IF;
  IF in_run IS NOT NULL THEN
    PERFORM FROM runs WHERE id = in_run AND assignment = in_assignment FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'ASSIGNMENT_STALE' USING ERRCODE = 'MR001';
    END IF;
  END IF;
EXCEPTION WHEN SQLSTATE 'MR001' THEN
  reason := SQLERRM;
  removed := 0;
END $$;
