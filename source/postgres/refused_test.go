package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// No name and no message shows a password, whatever is wrong with the address.
func TestHidesPasswords(t *testing.T) {
	t.Setenv("PGCONNECT_TIMEOUT", "5")
	dir := t.TempDir()
	for location, name := range map[string]string{
		"postgres://u:s3cret@h.invalid:5432/db":                                 "postgres://u@h.invalid:5432/db",
		"postgresql://u:s3cret@h.invalid/db?sslmode=disable":                    "postgresql://u@h.invalid/db?sslmode=disable",
		"postgres://h.invalid/db?user=u&password=s3cret&sslmode=disable":        "postgres://h.invalid/db?sslmode=disable&user=u",
		"postgres://u@h.invalid/db?sslpassword=s3cret&sslmode=disable":          "postgres://u@h.invalid/db?sslmode=disable",
		"postgres://u:%73%33cret@h.invalid/db":                                  "postgres://u@h.invalid/db",
		"postgres://u:s3cret@h.invalid/db?sslmode=nonsense":                     "postgres://u@h.invalid/db?sslmode=nonsense",
		"postgres://u:s3cret@h.invalid/db?connect_timeout=soon":                 "postgres://u@h.invalid/db?connect_timeout=soon",
		"postgres://u:s3cret@h.invalid/db?sslrootcert=" + dir + "/missing":      "postgres://u@h.invalid/db?sslrootcert=" + dir + "/missing",
		"postgres://u:s3cret@h.invalid/db?sslmode=disable&target_session_attrs": "postgres://u@h.invalid/db?sslmode=disable&target_session_attrs",
	} {
		s, err := Open(location, Options{})
		require.NoError(t, err, location)
		require.Equal(t, name, s.String())
		_, _, err = readAll(t, s, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "cret", location)
		require.NotContains(t, err.Error(), "\n")
		_, err = Record(t.Context(), location, source.Decision{Claims: map[string]string{"jti": "a"}})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "cret", location)
		_, err = Record(t.Context(), location, source.Decision{})
		require.NotContains(t, err.Error(), "cret", location)
	}
	for _, location := range []string{
		"postgres://u:s3#cret@h/db", "postgres://u:33#cret@h/db", "postgres://u:3/cret@h/db", "postgres://u:3?cret@h/db", "postgres://u:s3cret%@h/db",
		"mysql://u:s3cret@h/db", "u:s3cret@h", "", "postgres://u:s3 cret@h/db", "postgres://u:s3cret@h:port/db", "postgres://u:s3[cret@h/db", "postgres://u@h/db?password=%zzcret",
	} {
		_, err := Open(location, Options{})
		require.EqualError(t, err, form, location)
	}

	// The same goes for passwords from elsewhere.
	server, database := start(t)
	server.Exec(t, database, `CREATE ROLE asked`)
	server.Password(t, "asked", "right")
	address := server.URL("asked", database)
	pass, service := filepath.Join(dir, "pgpass"), filepath.Join(dir, "service")
	require.NoError(t, os.WriteFile(pass, []byte("*:*:*:asked:s3cret\n"), 0o600))
	require.NoError(t, os.WriteFile(service, []byte("[auth]\nuser=asked\npassword=s3cret\n"), 0o600))
	for _, set := range [][2]string{{"PGPASSWORD", "s3cret"}, {"PGPASSFILE", pass}} {
		t.Run(set[0], func(t *testing.T) {
			t.Setenv(set[0], set[1])
			_, _, err := readAll(t, open(t, address, Options{}), nil)
			require.ErrorContains(t, err, "cannot connect to "+address+": ")
			require.ErrorContains(t, err, `password authentication failed for user "asked"`)
			require.NotContains(t, err.Error(), "cret")
		})
	}
	t.Setenv("PGSERVICEFILE", service)
	_, _, err := readAll(t, open(t, strings.Replace(address, "asked@", "", 1)+"?service=auth", Options{}), nil)
	require.ErrorContains(t, err, `password authentication failed for user "asked"`)
	require.NotContains(t, err.Error(), "cret")
	t.Setenv("PGPASSWORD", "right")
	_, _, err = readAll(t, open(t, address, Options{}), nil)
	require.ErrorContains(t, err, "permission denied for table revocations")
}

func TestRefused(t *testing.T) {
	server, database := start(t)
	address := server.URL("postgres", database)
	refused := func(want string) {
		t.Helper()
		_, _, err := readAll(t, open(t, address, Options{}), nil)
		require.ErrorContains(t, err, want)
	}
	server.Exec(t, database, `ALTER TABLE revocations ENABLE ROW LEVEL SECURITY`, `CREATE ROLE hidden LOGIN IN ROLE revocations_reader`)
	_, _, err := readAll(t, open(t, server.URL("hidden", database), Options{}), nil)
	require.ErrorContains(t, err, "query would be affected by row-level security policy")
	require.ErrorContains(t, err, "let it see all rows, with ALTER ROLE … BYPASSRLS")
	_, _, err = readAll(t, open(t, server.URL("hidden", database), Options{Query: `SELECT jti FROM revocations`}), nil)
	require.ErrorContains(t, err, "the query on "+server.URL("hidden", database)+" failed: ")
	require.ErrorContains(t, err, "let it see all rows, with ALTER ROLE … BYPASSRLS")
	server.Exec(t, database, `ALTER ROLE hidden BYPASSRLS`)
	follow(t, server.URL("hidden", database), Options{Query: `SELECT jti FROM revocations`}).step(true)

	// Another session's ALTER TABLE that is not committed. The limit is 30 seconds, unless the role has
	// one of its own.
	other := begin(t, server, database)
	run(t, other, `ALTER TABLE revocations ADD COLUMN x text`)
	server.Exec(t, database, `ALTER ROLE hidden SET lock_timeout = '10ms'; GRANT revocations_writer TO hidden`)
	const locked = "locked by another transaction, such as an ALTER TABLE that is still open: see pg_locks and pg_stat_activity"
	_, _, err = readAll(t, open(t, server.URL("hidden", database), Options{}), nil)
	require.ErrorContains(t, err, "revocations is "+locked)
	_, _, err = readAll(t, open(t, server.URL("hidden", database), Options{Query: `SELECT jti FROM revocations`}), nil)
	require.ErrorContains(t, err, "what it reads is "+locked)
	_, err = Record(t.Context(), server.URL("hidden", database), source.Decision{Claims: map[string]string{"jti": "a"}})
	require.ErrorContains(t, err, "revocations is "+locked)
	run(t, other, `ROLLBACK`)
	r := &reading{conn: other.PgConn(), Reading: rows.Reading{Context: t.Context()}}
	require.NoError(t, r.begin(`READ COMMITTED`, ``))
	var limit string
	require.NoError(t, other.QueryRow(t.Context(), `SHOW lock_timeout`).Scan(&limit))
	require.Equal(t, "30s", limit)
	run(t, other, `ROLLBACK`)

	// A table of another schema.
	server.Exec(t, database, `CREATE SCHEMA auth`, `ALTER TABLE revocations SET SCHEMA auth`, `GRANT USAGE ON SCHEMA auth TO hidden`)
	_, _, err = readAll(t, open(t, server.URL("hidden", database), Options{}), nil)
	require.ErrorIs(t, err, ErrNoTable)
	require.ErrorContains(t, err, "?search_path=… in the address names the schema of one that is elsewhere")
	follow(t, server.URL("hidden", database)+"?search_path=auth", Options{}).step(true)
	server.Exec(t, database, `ALTER TABLE auth.revocations SET SCHEMA public`)

	server.Exec(t, database, `ALTER TABLE revocations DISABLE TRIGGER revocations_stamp`)
	refused("its table revocations lacks id, txid, or the trigger that sets txid")
	server.Exec(t, database, `DROP TABLE revocations`)
	refused("cannot use the source " + address + ": there is no table revocations that its role can see")
	_, err = Record(t.Context(), address, source.Decision{Claims: map[string]string{"jti": "a"}})
	require.ErrorIs(t, err, ErrNoTable)
	server.Exec(t, database, `CREATE TABLE revocations (id bigint PRIMARY KEY, jti text)`)
	refused("lacks id, txid, or the trigger")
	server.Exec(t, database, `DROP TABLE revocations`, `CREATE VIEW revocations AS SELECT 'a' AS jti`)
	refused("lacks id, txid, or the trigger")

	// A server that is not there, and one that says nothing.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = "postgres://u@" + listener.Addr().String() + "/db?connect_timeout=1"
	refused("cannot connect to " + address)
	require.NoError(t, listener.Close())
	address = strings.Replace(address, "?", "?sslmode=prefer&", 1) // tries twice
	refused("connection refused")
	_, _, err = readAll(t, open(t, address, Options{}), nil)
	require.Equal(t, 1, strings.Count(err.Error(), "connection refused"), "%v", err)
}

// A reading that ends half-way ends with an error.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := withTable(t, server)
	server.Exec(t, database, `INSERT INTO revocations (jti) SELECT 'j' || i FROM generate_series(1, 100000) i`)
	s := open(t, server.URL("postgres", database), Options{})
	stop := errors.New("enough")
	for name, c := range map[string]struct {
		end  func(cancel func()) error
		want string
	}{
		"visitor": {func(func()) error { return stop }, "enough"},
		"context": {func(cancel func()) error { cancel(); return nil }, "context canceled"},
		"statement": {func(func()) error {
			server.Exec(t, database, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'revocast publisher'`)
			return nil
		}, "canceling statement due to user request"},
		"connection": {func(func()) error {
			server.Exec(t, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'revocast publisher'`)
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) { interrupted(t, s, c.end, c.want) })
	}
	interrupted(t, s, func(func()) error { server.Stop(syscall.SIGQUIT); return nil }, "")
	require.NoError(t, server.Up())
	result, err := s.Read(t.Context(), nil, func(*source.Row) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, 100_000, result.Rows)
}

// interrupted reads, and lets something end it after the first row.
func interrupted(t *testing.T, s source.Source, end func(cancel func()) error, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rows := 0
	result, err := s.Read(ctx, nil, func(*source.Row) error {
		if rows++; rows > 1 {
			return nil
		}
		return end(cancel)
	})
	require.Error(t, err)
	require.ErrorContains(t, err, want)
	require.Empty(t, result)
	require.Less(t, rows, 100_000)
}

func TestServiceFile(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, insert1("a"))
	host, port, err := net.SplitHostPort(strings.Split(strings.TrimPrefix(server.URL("postgres", ""), "postgres://postgres@"), "/")[0])
	require.NoError(t, err)
	for name, value := range map[string]string{"PGHOST": host, "PGPORT": port, "PGUSER": "postgres", "PGDATABASE": database} {
		t.Setenv(name, value)
	}
	require.NoError(t, os.Unsetenv("PGSERVICE"))
	follow(t, "postgres://", Options{}).step(true, "a")
}
