package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/source"
)

func TestRoles(t *testing.T) {
	server, database := start(t)
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
	_, err = Record(t.Context(), server.URL("r", database), source.Decision{Claims: map[string]string{"jti": "a"}})
	require.ErrorContains(t, err, "permission denied for table revocations (SQLSTATE 42501); GRANT revocations_writer to its role, or run the schema again if a column was added")

	// The owner cannot choose a transaction id either, nor change a row.
	owner := server.Connect(t, database)
	run(t, owner, `INSERT INTO revocations (jti, txid) VALUES ('b', '5')`)
	var mine bool
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT txid > '5' FROM revocations WHERE jti = 'b'`).Scan(&mine))
	require.True(t, mine)
	for _, statement := range []string{`UPDATE revocations SET jti = 'x'`, `UPDATE revocations SET jti = 'x' WHERE false`, `INSERT INTO revocations (jti) VALUES ('x') ON CONFLICT (id) DO UPDATE SET jti = 'x'`} {
		_, err := owner.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "rows of revocations cannot be updated, because publishers would not read them again; insert a row instead", statement)
	}
}

// A role that may not create roles can own the table, once the roles exist.
func TestOwnerWithoutCreateRole(t *testing.T) {
	server, _ := start(t)
	server.Exec(t, "postgres", `DROP ROLE IF EXISTS own`, `CREATE ROLE own LOGIN`)
	database := server.Database(t)
	server.Exec(t, database, `ALTER DATABASE `+database+` OWNER TO own`)
	require.NoError(t, pgtest.Exec(server.URL("own", database), Schema, insert1("a"), Schema))
	follow(t, server.URL("own", database), Options{}).step(true, "a")
}
