// Package pgtest runs real PostgreSQL servers for tests: thrown away afterwards, with
// hot standbys if need be, and to be stopped, killed and started again.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is a PostgreSQL server of this machine. Its superuser is postgres, and
// whoever is on this machine may connect without a password, but for those whom
// Password names.
type Server struct {
	dir  string // for data and the socket
	bin  string // where PostgreSQL's programs are
	port string
	as   *syscall.SysProcAttr
	log  bytes.Buffer

	cmd   *exec.Cmd
	ended chan struct{}
}

// ErrMissing tells that PostgreSQL is not installed.
var ErrMissing = errors.New("there is no PostgreSQL here; make parts installs it, and REVOCAST_POSTGRES says where its programs are")

// Start starts a server that ends with the test. Settings are as in
// "max_prepared_transactions=5". Where there is no PostgreSQL the test is skipped, or
// fails if CI=true.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := Open(t, settings...)
	t.Cleanup(s.Close)
	return s
}

// Open is Start for a server that outlives the test, and is to be closed.
func Open(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := Run(settings...)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Run starts a server, to be closed.
func Run(settings ...string) (*Server, error) {
	s, err := prepare()
	if err != nil {
		return nil, err
	}
	if err = s.program("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"); err == nil {
		settings = append([]string{"fsync=off", "max_prepared_transactions=20", "wal_level=replica", "max_connections=60"}, settings...)
		err = s.Set(settings...)
	}
	if err == nil {
		err = s.Up()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// prepare finds the programs, a port and a folder.
func prepare() (*Server, error) {
	s := &Server{bin: os.Getenv("REVOCAST_POSTGRES")}
	if s.bin == "" {
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
			s.bin = filepath.Dir(found[len(found)-1])
		} else if path, err := exec.LookPath("postgres"); err == nil {
			s.bin = filepath.Dir(path)
		} else {
			return nil, ErrMissing
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	if _, s.port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		return nil, err
	}
	// Not the test's own folder: others than its owner cannot enter that, and the
	// path of a socket must be short.
	if s.dir, err = os.MkdirTemp("", "revocast-pg-*"); err != nil {
		return nil, err
	}
	return s, s.own()
}

// Set writes settings, which count when the server starts, or with Reload.
func (s *Server) Set(settings ...string) error {
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, setting := range settings {
		fmt.Fprintln(f, setting)
	}
	return f.Close()
}

// Up starts the server and waits until it answers.
func (s *Server) Up() error {
	s.cmd = s.command("postgres", "-D", s.data(), "-p", s.port, "-k", s.dir, "-c", "listen_addresses=127.0.0.1")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	return s.wait()
}

// wait waits until the server answers.
func (s *Server) wait() error {
	deadline := time.After(time.Minute)
	for {
		conn, err := pgx.Connect(context.Background(), s.URL("postgres", "postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-s.ended:
			return fmt.Errorf("PostgreSQL ended: %s", s.log.String())
		case <-deadline:
			return fmt.Errorf("PostgreSQL did not get ready within a minute: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server: in order, with its connections cut (SIGINT), or at once, as a crash
// does, so that what was not written yet is lost (SIGQUIT).
func (s *Server) Stop(how syscall.Signal) {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	s.cmd.Process.Signal(how)
	<-s.ended
	s.cmd = nil
}

// Close ends the server and removes what it wrote.
func (s *Server) Close() {
	s.Stop(syscall.SIGQUIT)
	os.RemoveAll(s.dir)
}

// URL is the address of a database for a user.
func (s *Server) URL(user, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%s/%s", user, s.port, database)
}

// Socket is URL over the server's Unix socket.
func (s *Server) Socket(user, database string) string {
	return fmt.Sprintf("host=%s port=%s user=%s database=%s", s.dir, s.port, user, database)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// program runs one of PostgreSQL's programs.
func (s *Server) program(name string, args ...string) error {
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = s.as, s.dir
	return cmd
}
