package pgtest

import (
	"testing"
	"time"
)

// Standby starts a hot standby that follows the server, and ends with the test.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	b, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.program("pg_basebackup", "-D", b.data(), "-R", "-c", "fast", "-h", s.dir, "-p", s.port, "-U", "postgres", "-N"); err != nil {
		t.Fatal(err)
	}
	if err := b.Up(); err != nil {
		t.Fatal(err)
	}
	b.await(t, "follow", `SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)`)
	return b
}

// CatchUp waits until a standby shows everything that the server has committed.
func (s *Server) CatchUp(t testing.TB, server *Server) {
	t.Helper()
	at := server.Text(t, "postgres", `SELECT pg_current_wal_lsn()`)
	s.await(t, "get to "+at, `SELECT pg_last_wal_replay_lsn() >= '`+at+`'`)
}

// Pause makes a standby stand still, until pg_wal_replay_resume.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.Exec(t, "postgres", `SELECT pg_wal_replay_pause()`)
	s.await(t, "pause", `SELECT pg_get_wal_replay_pause_state() = 'paused'`)
}

// await waits until a query says true.
func (s *Server) await(t testing.TB, what, query string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.Text(t, "postgres", query) == "t" {
			return
		}
	}
	t.Fatalf("the standby did not %s within a minute", what)
}

// Promote makes a standby a server of its own.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if s.Text(t, "postgres", `SELECT pg_promote()`) != "t" {
		t.Fatal("the standby was not promoted")
	}
}
