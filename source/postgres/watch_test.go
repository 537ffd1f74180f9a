package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/source"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := withTable(t, server)
	wakes, warnings := make(chan struct{}, 100), make(chan string, 100)
	watch := func(s source.Source) {
		done := make(chan struct{})
		go func() {
			s.Watch(t.Context(), func() { wakes <- struct{}{} }, func(s string) { warnings <- s })
			close(done)
		}()
		t.Cleanup(func() { <-done })
	}
	watch(open(t, server.URL("postgres", database), Options{}))
	wake := func() {
		t.Helper()
		select {
		case <-wakes:
		case <-time.After(timeout):
			t.Fatal("nothing woke")
		}
	}
	wake() // it listens
	server.Exec(t, database, insert1("a"))
	wake()
	server.Exec(t, database, `INSERT INTO revocations (jti) SELECT 'b' || i FROM generate_series(1, 100) i`)
	wake()

	// A service's own transaction.
	conn := server.Connect(t, database)
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		require.NoError(t, Insert(t.Context(), tx, source.Decision{Claims: map[string]string{"jti": "c"}}))
		require.Empty(t, wakes, "nothing is committed")
		if end == "ROLLBACK" {
			require.NoError(t, tx.Rollback(t.Context()))
			continue
		}
		require.NoError(t, tx.Commit(t.Context()))
		wake()
	}

	server.Exec(t, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'revocast publisher'`)
	wake()
	require.Contains(t, <-warnings, "cannot listen to "+server.URL("postgres", database)+", so new rows wait for the next interval until it can be listened to again: ")
	server.Exec(t, database, insert1("e"))
	wake()
	require.Empty(t, wakes)

	standby := server.Standby(t)
	watch(open(t, standby.URL("postgres", database), Options{}))
	require.Contains(t, <-warnings, "it is a standby, and PostgreSQL has no LISTEN on standbys")
	require.Empty(t, wakes)
	require.Empty(t, warnings)
}
