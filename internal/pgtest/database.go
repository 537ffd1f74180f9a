package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var databases atomic.Int64

// Database makes an empty database and gives its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("db%d", databases.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// Connect is a connection of the superuser. It ends with the test.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	return Connect(t, s.URL("postgres", database))
}

// Connect is a connection to any address. It ends with the test.
func Connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Exec runs statements as the superuser.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	if err := Exec(s.URL("postgres", database), statements...); err != nil {
		t.Fatal(err)
	}
}

// Exec runs statements, or files of them, in a connection of their own.
func Exec(address string, statements ...string) error {
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.PgConn().Exec(context.Background(), statement).ReadAll(); err != nil {
			return fmt.Errorf("%w: %s", err, statement)
		}
	}
	return nil
}

// Text is the first column of the first row of a query's result.
func (s *Server) Text(t testing.TB, database, query string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("postgres", database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(context.Background(), query).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		t.Fatalf("%v: %s", err, query)
	}
	return string(results[0].Rows[0][0])
}

// Password makes the server ask a user for a password from now on.
func (s *Server) Password(t testing.TB, user, password string) {
	t.Helper()
	s.Exec(t, "postgres",
		fmt.Sprintf("ALTER ROLE %s LOGIN PASSWORD '%s'", user, strings.ReplaceAll(password, "'", "''")))
	if err := s.ask(user); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres", "SELECT pg_reload_conf()")
}

// KillBackend kills a process of the server that serves a connection, as the kernel does
// when memory runs out. The server cuts all connections and recovers by itself.
func (s *Server) KillBackend(t testing.TB, database string) {
	t.Helper()
	victim, witness := s.Connect(t, database), s.Connect(t, database)
	if err := syscall.Kill(int(victim.PgConn().PID()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Only once the other connection is cut, too, has the server begun to recover.
	for deadline := time.Now().Add(time.Minute); witness.Ping(context.Background()) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server did not notice within a minute")
		}
	}
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
}

// Dump is a database as pg_dump writes it.
func (s *Server) Dump(t testing.TB, database string) []byte {
	t.Helper()
	out, err := s.command("pg_dump", s.URL("postgres", database)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Restore runs a dump.
func (s *Server) Restore(t testing.TB, database string, dump []byte) {
	t.Helper()
	cmd := s.command("psql", "-q", "-v", "ON_ERROR_STOP=1", s.URL("postgres", database))
	cmd.Stdin = bytes.NewReader(dump)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
