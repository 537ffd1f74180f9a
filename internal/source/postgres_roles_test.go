package source

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

func TestPostgresRoles(t *testing.T) {
	server, database := postgres(t)
	server.Exec(t, database, `DROP ROLE IF EXISTS w, r`, `CREATE ROLE w LOGIN IN ROLE revocations_writer`, `CREATE ROLE r LOGIN IN ROLE revocations_reader`)
	writer, reader := pgtest.Connect(t, server.URL("w", database)), pgtest.Connect(t, server.URL("r", database))
	run(t, writer, insert1("a"), `INSERT INTO revocations (sub, client_id, before, exp, revoked_at, reason, iss, kid, sid, reinstate) VALUES ('s', 'c', now(), now(), now(), 'r', 'i', 'k', 's', true)`)
	for _, statement := range []string{
		`SELECT count(*) FROM revocations`, `SELECT id FROM revocations`, insert1("b") + ` RETURNING id`, `DELETE FROM revocations`, `TRUNCATE revocations`,
		`UPDATE revocations SET jti = 'x'`, `INSERT INTO revocations (jti, txid) VALUES ('b', '5')`, `INSERT INTO revocations (id, jti) OVERRIDING SYSTEM VALUE VALUES (5, 'b')`,
		`ALTER TABLE revocations ADD COLUMN x text`,
	} {
		_, err := writer.Exec(t.Context(), statement)
		require.Error(t, err, statement)
		require.Regexp(t, `permission denied|must be owner`, err.Error(), statement)
	}
	for _, statement := range []string{insert1("b"), `DELETE FROM revocations`, `TRUNCATE revocations`, `UPDATE revocations SET jti = 'x'`, `ALTER TABLE revocations ADD COLUMN x text`} {
		_, err := reader.Exec(t.Context(), statement)
		require.Error(t, err, statement)
		require.Regexp(t, `permission denied|must be owner`, err.Error(), statement)
	}
	run(t, reader, `LISTEN revocations`)
	rows, _, err := readAll(t, open(t, server.URL("r", database), Options{}), nil)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	_, _, err = readAll(t, open(t, server.URL("w", database), Options{}), nil)
	require.ErrorContains(t, err, "permission denied for table revocations (SQLSTATE 42501); GRANT revocations_reader to its role")
	_, err = Record(t.Context(), server.URL("r", database), NewRow{Claims: map[string]string{"jti": "a"}})
	require.ErrorContains(t, err, "permission denied for table revocations (SQLSTATE 42501); GRANT revocations_writer to its role")

	// The owner cannot choose a transaction id either, nor change a row.
	owner := server.Connect(t, database)
	run(t, owner, `INSERT INTO revocations (jti, txid) VALUES ('b', '5')`)
	var mine bool
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT txid > '5' FROM revocations WHERE jti = 'b'`).Scan(&mine))
	require.True(t, mine)
	for _, statement := range []string{`UPDATE revocations SET jti = 'x'`, `UPDATE revocations SET jti = 'x' WHERE false`, `INSERT INTO revocations (jti) VALUES ('x') ON CONFLICT (id) DO UPDATE SET jti = 'x'`} {
		_, err := owner.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "rows of revocations are not updated, because nobody would read them again; append a row instead", statement)
	}
}

// Who may not make roles can be the owner, once somebody else has made them.
func TestPostgresOwnerWithoutCreateRole(t *testing.T) {
	server, _ := postgres(t)
	server.Exec(t, "postgres", `DROP ROLE IF EXISTS own`, `CREATE ROLE own LOGIN`)
	database := server.Database(t)
	server.Exec(t, database, `ALTER DATABASE `+database+` OWNER TO own`)
	require.NoError(t, pgtest.Exec(server.URL("own", database), PostgresSchema, insert1("a"), PostgresSchema))
	follow(t, server.URL("own", database), Options{}).step(true, "a")
}

func TestPostgresRecord(t *testing.T) {
	server, database := postgres(t)
	server.Exec(t, database, `DROP ROLE IF EXISTS w2`, `CREATE ROLE w2 LOGIN IN ROLE revocations_writer`)
	address := server.URL("postgres", database)
	at := time.Unix(1793278936, 250)
	id, err := Record(t.Context(), address, NewRow{Claims: map[string]string{"sub": "é\"'😀<&>", "client_id": "app\n"}, Before: at, Exp: at.Add(time.Hour), RevokedAt: at, Reason: "why not", Issuer: "https://i"})
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
	id, err = Record(t.Context(), server.URL("w2", database), NewRow{Claims: map[string]string{"jti": "a"}, RevokedAt: at, Reinstate: true})
	require.NoError(t, err)
	require.Zero(t, id, "a writer does not see ids")
	rows, _, err := readAll(t, open(t, address, Options{}), nil)
	require.NoError(t, err)
	require.Equal(t, []Row{
		{Names: []string{"client_id", "sub"}, Values: []string{"app\n", "é\"'😀<&>"}, Before: 1793278937, Exp: 1793282537, RevokedAt: 1793278937, Reason: "why not", Issuer: "https://i", Line: 1},
		{Names: []string{"jti"}, Values: []string{"a"}, Before: None, Exp: None, RevokedAt: 1793278937, Reinstate: true, Line: 2},
	}, rows)

	own := NewRow{Claims: map[string]string{"device_id": "x"}}
	_, err = Record(t.Context(), address, own)
	require.EqualError(t, err, `the row for `+address+`, field "device_id": the table revocations has no such column; its owner adds it with ALTER TABLE revocations ADD COLUMN "device_id" text, and lets writers use it by running publisher schema again`)
	server.Exec(t, database, `ALTER TABLE revocations ADD COLUMN "device_id" text`)
	_, err = Record(t.Context(), server.URL("w2", database), own)
	require.ErrorContains(t, err, "permission denied for table revocations (SQLSTATE 42501); its role may insert, but not all these columns: publisher schema, run again, lets revocations_writer use those that were added")
	server.Exec(t, database, PostgresSchema)
	_, err = Record(t.Context(), server.URL("w2", database), own)
	require.NoError(t, err)
	for _, key := range []string{"id", "txid"} {
		_, err = Record(t.Context(), address, NewRow{Claims: map[string]string{key: "1"}})
		require.ErrorContains(t, err, "the table revocations has a column "+key+" of its own")
	}
	_, err = Record(t.Context(), address, NewRow{Claims: map[string]string{"jti": "\x00"}})
	require.ErrorContains(t, err, "nothing can be taken as recorded in "+address)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Record(ctx, address, NewRow{Claims: map[string]string{"jti": "a"}})
	require.ErrorIs(t, err, context.Canceled)
}

// A dump brings transaction ids of another cluster along, which must not be taken for
// this one's.
func TestPostgresRestore(t *testing.T) {
	t.Parallel()
	old, young := pgtest.Start(t), pgtest.Start(t)
	database := withTable(t, old)
	for range 300 {
		old.Exec(t, database, `SELECT pg_current_xact_id()`)
	}
	old.Exec(t, database, insert1("a"), insert1("b"))
	f := follow(t, old.URL("postgres", database), Options{})
	f.step(true, "a", "b")
	restored := young.Database(t)
	young.Exec(t, restored, `CREATE ROLE revocations_writer`, `CREATE ROLE revocations_reader`)
	young.Restore(t, restored, old.Dump(t, database))
	f.source = open(t, young.URL("postgres", restored), Options{})
	again := func(want ...string) {
		t.Helper()
		rows, result, err := readAll(t, f.source, f.cursor)
		require.NoError(t, err)
		require.Equal(t, want, jtis(rows))
		require.True(t, result.Full)
		require.Len(t, result.Warnings, 1)
		require.Contains(t, result.Warnings[0], "since it was restored from a dump, so all of them are read every time; run publisher schema on it again")
		f.cursor = result.Cursor
	}
	again("a", "b")
	young.Exec(t, restored, insert1("c"))
	again("a", "b", "c")
	young.Exec(t, restored, PostgresSchema)
	f.step(true, "a", "b", "c")
	require.Equal(t, "0", young.Text(t, restored, `SELECT count(*) FROM revocations WHERE txid >= pg_snapshot_xmax(pg_current_snapshot())`))
	young.Exec(t, restored, insert1("d"))
	f.step(false, "d")
	f.step(false)

	// Someone who takes the triggers away loads what seems to be from the future.
	young.Exec(t, restored, `SET session_replication_role = replica; ALTER TABLE revocations DISABLE TRIGGER revocations_stamp;
		INSERT INTO revocations (jti, txid) VALUES ('e', '1000000'); ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp`)
	rows, result, err := readAll(t, f.source, f.cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"e"}, jtis(rows))
	f.cursor = result.Cursor
	again("a", "b", "c", "d", "e")
}
