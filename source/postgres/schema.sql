-- The table revocations for Revocast, and two roles, on PostgreSQL 13 or later.
--
--     publisher schema | psql -1 -v ON_ERROR_STOP=1 DATABASE
--
-- It creates what is missing and changes nothing else, so it can be run again. The table's owner
-- must run it again after a column was added for a claim, after the table was restored from a
-- dump, and when a logical replica takes over. The roles cannot log in. Grant them:
--
--     GRANT revocations_writer TO auth_service;
--     GRANT revocations_reader TO revocast;

CREATE TABLE IF NOT EXISTS revocations (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	txid       xid8 NOT NULL DEFAULT pg_current_xact_id(), -- of the transaction that inserts the row
	jti        text,
	sid        text,
	sub        text,
	client_id  text,
	kid        text,
	before     timestamptz,
	exp        timestamptz,
	revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- differs between rows of a transaction
	reason     text,
	reinstate  boolean NOT NULL DEFAULT false,
	iss        text,
	UNIQUE (txid, id)
);

-- An INSERT refuses each row that a publisher would refuse. It is a trigger rather than a
-- constraint, because the owner may add columns for claims, and because old rows must not keep a dump
-- from being restored.
CREATE OR REPLACE FUNCTION revocations_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	given jsonb := pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(NEW)) - '{id,txid,before,exp,revoked_at,reason,reinstate,iss}'::text[];
	claims int := 0;
	name text;
	value text;
	type text;
	problem text;
BEGIN
	FOR name, value IN SELECT * FROM pg_catalog.jsonb_each_text(given) LOOP
		claims := claims + 1;
		-- jti, sid, sub, client_id and kid are good names, and text.
		IF name NOT IN ('jti', 'sid', 'sub', 'client_id', 'kid') THEN
			IF pg_catalog.lower(name) IN ('before', 'exp', 'revoked_at', 'reason', 'reinstate', 'iss') THEN
				problem := 'the reserved column is written in lower case';
			ELSIF name = '?column?' OR name ~ '[\u0001-\u0020\u007F-\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000+*,;]' THEN
				problem := 'no claim has such a name';
			ELSE
				SELECT CASE WHEN t.typcategory IN ('S', 'E') AND t.oid <> 'bpchar'::regtype THEN 'text'
					ELSE pg_catalog.format_type(CASE t.typbasetype WHEN 0 THEN t.oid ELSE t.typbasetype END, NULL) END
				INTO type FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
				WHERE a.attrelid = TG_RELID AND a.attname = name;
				IF type = 'character' THEN
					value := pg_catalog.rtrim(value, ' '); -- it is padded
				ELSIF type IN ('real', 'double precision') OR type = 'numeric' AND value !~ '^-?[0-9]+$' THEN
					-- Every integer below 2^53 is exact in a double.
					IF value::float8 <> pg_catalog.trunc(value::float8) OR pg_catalog.abs(value::float8) >= 9007199254740992 THEN
						problem := 'a claim is text or an integer';
					END IF;
				ELSIF type NOT IN ('text', 'uuid', 'smallint', 'integer', 'bigint', 'numeric') THEN
					problem := 'a claim is text or an integer';
				END IF;
			END IF;
		END IF;
		IF problem IS NULL AND pg_catalog.octet_length(pg_catalog.convert_to(value, 'UTF8')) > 1024 THEN
			problem := 'it is longer than 1024 bytes';
		ELSIF problem IS NULL AND value = '' AND name = 'kid' THEN
			problem := 'it is empty, and no key has an empty id';
		END IF;
		IF problem IS NOT NULL THEN
			RAISE check_violation USING TABLE = TG_TABLE_NAME, COLUMN = name,
				MESSAGE = pg_catalog.format('column %I of revocations: %s', name, problem);
		END IF;
	END LOOP;
	IF NEW.before NOT BETWEEN '2000-01-01 00:00Z' AND '9999-12-31 23:59:59Z' OR NEW.exp NOT BETWEEN '2000-01-01 00:00Z' AND '9999-12-31 23:59:59Z' THEN
		RAISE check_violation USING TABLE = TG_TABLE_NAME,
			MESSAGE = 'before and exp of revocations must be from the year 2000 to 9999; leave them NULL where there is no end';
	ELSIF NEW.revoked_at NOT BETWEEN '2000-01-01 00:00Z' AND pg_catalog.clock_timestamp() + interval '5 minutes' THEN
		RAISE check_violation USING TABLE = TG_TABLE_NAME, COLUMN = 'revoked_at',
			MESSAGE = 'revoked_at of revocations must be from the year 2000 on, and at most 5 minutes ahead of the clock';
	ELSIF pg_catalog.octet_length(pg_catalog.convert_to(NEW.iss, 'UTF8')) > 1024 THEN
		RAISE check_violation USING TABLE = TG_TABLE_NAME, COLUMN = 'iss', MESSAGE = 'column iss of revocations: it is longer than 1024 bytes';
	ELSIF claims > 8 THEN
		RAISE check_violation USING TABLE = TG_TABLE_NAME, MESSAGE = 'a row of revocations has at most 8 claims';
	ELSIF claims = 0 AND NEW.before IS NULL AND NOT NEW.reinstate THEN
		RAISE check_violation USING TABLE = TG_TABLE_NAME,
			MESSAGE = 'a row of revocations without a claim needs "before": else every token would be revoked for ever';
	END IF;
	RETURN NEW;
END $$;

-- Reading goes by txid, so nothing else may set it: neither a writer, nor COPY, nor replication.
CREATE OR REPLACE FUNCTION revocations_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.txid := pg_catalog.pg_current_xact_id();
	RETURN NEW;
END $$;

-- A row that was read is not read again.
CREATE OR REPLACE FUNCTION revocations_no_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of revocations cannot be updated, because publishers would not read them again; insert a row instead';
END $$;

-- Publishers that wait wake when the transaction commits. PREPARE TRANSACTION refuses a
-- transaction that notified, so such a transaction runs SET LOCAL revocast.notify = off before.
CREATE OR REPLACE FUNCTION revocations_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_catalog.current_setting('revocast.notify', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_catalog.pg_notify('revocations', '');
	END IF;
	RETURN NULL;
END $$;

-- Triggers, and repairs after a restore. Each of these takes a lock that waits for writers, so
-- nothing is touched that is there.
DO $$
DECLARE
	-- Transaction ids mean something only in the cluster that gave them. This names it.
	here text := format('ids of transactions of cluster %s, in table %s',
		(SELECT system_identifier FROM pg_control_system()), 'revocations'::regclass::oid);
	place smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = 'revocations'::regclass AND attname = 'txid');
	ids regclass := pg_get_serial_sequence('revocations', 'id');
	missing text;
	-- While the trigger was off, rows may have come with transaction ids of the past.
	stamped boolean := EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_stamp' AND tgenabled = 'A');
BEGIN
	IF col_description('revocations'::regclass, place) IS DISTINCT FROM here OR NOT stamped THEN
		ALTER TABLE revocations DISABLE TRIGGER USER;
		UPDATE revocations SET txid = pg_current_xact_id() WHERE NOT stamped OR txid >= pg_snapshot_xmin(pg_current_snapshot());
		ALTER TABLE revocations ENABLE TRIGGER USER;
		EXECUTE format('COMMENT ON COLUMN revocations.txid IS %L', here);
	END IF;
	-- Replication brings rows, but not the position of the sequence. An id that was given already
	-- fails an INSERT at best, and at worst puts a row before older ones.
	IF (SELECT max(id) FROM revocations) > coalesce(pg_sequence_last_value(ids), 0) THEN
		LOCK TABLE revocations IN SHARE ROW EXCLUSIVE MODE;
		PERFORM setval(ids, greatest(max(id), pg_sequence_last_value(ids))) FROM revocations;
	END IF;
	FOR missing IN
		SELECT format('CREATE TRIGGER %s %s ON revocations FOR EACH %s EXECUTE FUNCTION %1$s()', name, happens, each)
		FROM (VALUES
			('revocations_check', 'BEFORE INSERT', 'ROW'),
			('revocations_stamp', 'BEFORE INSERT', 'ROW'),
			('revocations_no_update', 'BEFORE UPDATE', 'STATEMENT'),
			('revocations_wake', 'AFTER INSERT', 'STATEMENT')) AS triggers (name, happens, each)
		WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = name)
	LOOP
		EXECUTE missing;
	END LOOP;
	IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_stamp' AND tgenabled <> 'A') THEN
		ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp; -- on a logical replica too
	END IF;
END $$;

-- The writer inserts all columns but id and txid, and reads none. The reader reads. LISTEN needs
-- no right.
DO $$
DECLARE
	own text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
		WHERE attrelid = 'revocations'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'txid'));
	home text := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'revocations'::regclass);
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'revocations_writer') THEN
		CREATE ROLE revocations_writer NOLOGIN;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'revocations_reader') THEN
		CREATE ROLE revocations_reader NOLOGIN;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %s TO revocations_writer, revocations_reader', home);
	EXECUTE format('GRANT INSERT (%s) ON revocations TO revocations_writer', own);
	GRANT SELECT ON revocations TO revocations_reader;
END $$;
