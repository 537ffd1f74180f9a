-- The table revocations for Revocast, and two roles, on PostgreSQL 13 or later.
--
--     publisher schema | psql -1 -v ON_ERROR_STOP=1 DATABASE
--
-- It makes what is missing and changes nothing else, so it can be run again, as the table's
-- owner: after a column was added for a claim of your own, after the table was restored from
-- a dump, and when a logical replica takes over. The roles cannot log in. Grant them:
--
--     GRANT revocations_writer TO auth_service;
--     GRANT revocations_reader TO revocast;

CREATE TABLE IF NOT EXISTS revocations (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	txid       xid8 NOT NULL DEFAULT pg_current_xact_id(), -- whose row this is; no claim
	jti        text,
	sid        text,
	sub        text,
	client_id  text,
	kid        text,
	before     timestamptz,
	exp        timestamptz,
	revoked_at timestamptz DEFAULT clock_timestamp(),
	reason     text,
	reinstate  boolean NOT NULL DEFAULT false,
	iss        text,
	UNIQUE (txid, id),
	CONSTRAINT revocations_moments CHECK (exp BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z'
		AND before BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z'
		AND revoked_at BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z') -- infinity would stop all publishing
);

-- Reading goes by txid, so nobody may choose it: not a writer, not COPY, not replication.
CREATE OR REPLACE FUNCTION revocations_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.txid := pg_catalog.pg_current_xact_id();
	RETURN NEW;
END $$;

-- A row that was read is not read again.
CREATE OR REPLACE FUNCTION revocations_no_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of revocations are not updated, because nobody would read them again; append a row instead';
END $$;

-- Publishers that wait wake when the transaction commits. PREPARE TRANSACTION refuses a
-- transaction that notified; before its INSERT such a one does SET LOCAL revocast.notify = off.
CREATE OR REPLACE FUNCTION revocations_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_catalog.current_setting('revocast.notify', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_catalog.pg_notify('revocations', '');
	END IF;
	RETURN NULL;
END $$;

-- Triggers, and what is to be mended after a restore. Each of these takes a lock that waits
-- for writers, so none is touched that is there.
DO $$
DECLARE
	-- Transaction ids mean something in the cluster that gave them alone. This tells whose they are.
	here text := format('ids of transactions of cluster %s, in table %s',
		(SELECT system_identifier FROM pg_control_system()), 'revocations'::regclass::oid);
	place smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = 'revocations'::regclass AND attname = 'txid');
	ids regclass := pg_get_serial_sequence('revocations', 'id');
BEGIN
	IF col_description('revocations'::regclass, place) IS DISTINCT FROM here THEN
		ALTER TABLE revocations DISABLE TRIGGER USER, DROP CONSTRAINT IF EXISTS revocations_moments;
		UPDATE revocations SET txid = pg_current_xact_id() WHERE txid >= pg_snapshot_xmin(pg_current_snapshot());
		ALTER TABLE revocations ENABLE TRIGGER USER;
		EXECUTE format('COMMENT ON COLUMN revocations.txid IS %L', here);
	END IF;
	IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'revocations'::regclass AND conname = 'revocations_moments') THEN
		ALTER TABLE revocations ADD CONSTRAINT revocations_moments CHECK (exp BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z'
			AND before BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z'
			AND revoked_at BETWEEN '1970-01-01 00:00Z' AND '9999-12-31 23:59:59Z') NOT VALID; -- older rows stay as they are
	END IF;
	-- Replication brings rows, but not how far ids are. An id below those that were read is a
	-- failing INSERT at best, and at worst a row that comes before older ones.
	IF (SELECT max(id) FROM revocations) > coalesce(pg_sequence_last_value(ids), 0) THEN
		LOCK TABLE revocations IN SHARE ROW EXCLUSIVE MODE;
		PERFORM setval(ids, greatest(max(id), pg_sequence_last_value(ids))) FROM revocations;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_stamp') THEN
		CREATE TRIGGER revocations_stamp BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION revocations_stamp();
	END IF;
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_no_update') THEN
		CREATE TRIGGER revocations_no_update BEFORE UPDATE ON revocations FOR EACH STATEMENT EXECUTE FUNCTION revocations_no_update();
	END IF;
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_wake') THEN
		CREATE TRIGGER revocations_wake AFTER INSERT ON revocations FOR EACH STATEMENT EXECUTE FUNCTION revocations_wake();
	END IF;
	IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'revocations'::regclass AND tgname = 'revocations_stamp' AND tgenabled <> 'A') THEN
		ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp; -- on a logical replica too
	END IF;
END $$;

-- The writer inserts all columns but id and txid, and reads none. The reader reads; to
-- LISTEN takes no right.
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
