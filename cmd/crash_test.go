package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A crashScene is a list in a directory, with all that its publisher and a reader have.
type crashScene struct {
	t   *testing.T
	dir string
}

func (s *crashScene) file(name string) string { return filepath.Join(s.dir, name) }

func (s *crashScene) run(program string, args ...string) (string, int) {
	s.t.Helper()
	return runIn(s.t, s.dir, program, args...)
}

// ok runs a command that has to succeed.
func (s *crashScene) ok(what, program string, args ...string) {
	s.t.Helper()
	out, code := s.run(program, args...)
	require.Zero(s.t, code, "%s: %s", what, out)
}

// runIn gives what a program says, standard output first, and its exit code, -1 if a signal ended it.
func runIn(t *testing.T, dir, program string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String() + stderr.String(), exit.ExitCode()
	}
	require.NoError(t, err)
	return out.String() + stderr.String(), 0
}

var publishArgs = []string{"publish", "--store", "list", "--source", "rows.jsonl", "--key", "k.jwk", "--cache", "publisher-cache"}

// revoke appends a row to the source.
func (s *crashScene) revoke(jti string) {
	s.t.Helper()
	f, err := os.OpenFile(s.file("rows.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	_, err = fmt.Fprintf(f, `{"jti":%q,"exp":"2099-01-01T00:00:00Z"}`+"\n", jti)
	require.NoError(s.t, err)
	require.NoError(s.t, f.Close())
}

func newCrashScene(t *testing.T) *crashScene {
	s := &crashScene{t, t.TempDir()}
	s.ok("keygen", "publisher", "keygen", "--out", "k.jwk")
	for i := range 3 {
		s.revoke(fmt.Sprint("row-", i))
		s.ok("publish", "publisher", append(publishArgs, "--create", "--issuer", "i", "--max-token-life", "24h")...)
		if i == 1 {
			s.run("verifier", "check", "list", "--keys", "k.pub.jwks", "--cache", "reader-cache", "--claims", `{"iss":"i","jti":"row-0"}`)
		}
	}
	s.revoke("last")
	return s
}

func (s *crashScene) copy(t *testing.T) *crashScene {
	c := &crashScene{t, t.TempDir()}
	require.NoError(t, os.CopyFS(c.dir, os.DirFS(s.dir)))
	return c
}

// recovers runs the next publication, proves every version, and asks for every row, over the network and
// from the reader's cache alone.
func (s *crashScene) recovers(what string) {
	s.t.Helper()
	s.revoke("after")
	s.ok(what, "publisher", publishArgs...)
	s.ok(what, "verifier", "verify", "list", "--keys", "k.pub.jwks")
	var claims, want strings.Builder
	for _, jti := range []string{"row-0", "row-1", "row-2", "last", "after"} {
		fmt.Fprintf(&claims, `{"iss":"i","jti":%q}`+"\n", jti)
		want.WriteString("revoked jti\n")
	}
	now := time.Now().Unix()
	fmt.Fprintf(&claims, `{"iss":"i","jti":"good","iat":%d,"exp":%d}`+"\n", now, now+60)
	want.WriteString("ok\n")
	require.NoError(s.t, os.WriteFile(s.file("claims"), []byte(claims.String()), 0o600))
	for _, from := range []string{"list", "gone"} {
		cmd := exec.Command("sh", "-c", "verifier check "+from+" --keys k.pub.jwks --cache reader-cache - < claims")
		cmd.Dir = s.dir
		out, _ := cmd.Output()
		require.Equal(s.t, want.String(), string(out), "%s, asked of %s", what, from)
	}
}

// strace runs a program with a fault injected, and tells whether it was.
func (s *crashScene) strace(inject string, program string, args ...string) (injected bool) {
	s.t.Helper()
	calls, _, _ := strings.Cut(inject, ":")
	trace := []string{"-f", "-o", "trace", "-e", "trace=" + calls, "-e", "inject=" + inject, program}
	cmd := exec.Command("strace", append(trace, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // calls are counted by thread
	out, err := cmd.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if failed && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	log, err := os.ReadFile(s.file("trace"))
	require.NoError(s.t, err, "%s", out)
	return bytes.Contains(log, []byte("(INJECTED)")) || bytes.Contains(log, []byte("+++ killed by SIGKILL"))
}

// The built programs are killed, and refused by the disk, at every system call that
// touches it. Whatever is left, the next run succeeds, every version verifies, no row is
// lost, and a reader's cache is believed only as far as it is proved.
func TestEverySystemCallFails(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		const missing = "there is no strace here: apt-get install strace"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	commands := map[string][]string{
		"a delta":    append([]string{"publisher"}, publishArgs...),
		"a snapshot": append([]string{"publisher"}, append(publishArgs, "--snapshot-every", "1")...),
		"a reader":   {"verifier", "check", "list", "--keys", "k.pub.jwks", "--cache", "reader-cache", "--claims", `{"iss":"i","jti":"good"}`},
	}
	// strace counts the calls of each name for themselves.
	const writing = "write fsync linkat renameat mkdirat unlinkat"
	faults := map[string]struct{ calls, fault string }{
		"killed at":             {writing, "signal=KILL:when=%d"},
		"input/output error at": {"openat read getdents64 " + writing, "error=EIO:when=%d"},
		"disk full from":        {"write,fsync,linkat,renameat,mkdirat", "error=ENOSPC:when=%d+"},
		"disk read-only from":   {"linkat,renameat,mkdirat,unlinkat", "error=EROFS:when=%d+"},
	}
	origin := newCrashScene(t)
	for name, args := range commands {
		for fault, inject := range faults {
			t.Run(name+", "+fault, func(t *testing.T) {
				t.Parallel()
				injected := 0
				for calls := range strings.FieldsSeq(inject.calls) {
					for n := 1; ; n++ {
						s := origin.copy(t)
						if !s.strace(fmt.Sprintf(calls+":"+inject.fault, n), args[0], args[1:]...) {
							break // the program makes no more such calls
						}
						injected++
						s.recovers(fmt.Sprintf("%s, %s %s %d", name, fault, calls, n))
					}
				}
				require.Greater(t, injected, 2)
				t.Logf("%d faults injected", injected)
			})
		}
	}
}
