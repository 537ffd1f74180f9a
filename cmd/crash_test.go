package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
	return s.end(exec.Command(program, args...))
}

// end runs a command in the scene, and gives all that it says and its exit code, -1 if a
// signal ended it.
func (s *crashScene) end(cmd *exec.Cmd) (string, int) {
	s.t.Helper()
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.IsType(s.t, &exec.ExitError{}, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// ok runs a command that has to succeed.
func (s *crashScene) ok(what, program string, args ...string) {
	s.t.Helper()
	out, code := s.run(program, args...)
	require.Zero(s.t, code, "%s: %s", what, out)
}

var publishArgs = []string{"publish", "--store", "list", "--source", "rows.jsonl", "--key", "k.jwk", "--cache", "publisher-cache"}

var creation = []string{"--create", "--issuer", "i", "--max-token-life", "24h"}

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
	s := &crashScene{t: t, dir: t.TempDir()}
	s.ok("keygen", "publisher", "keygen", "--out", "k.jwk")
	for i := range 3 {
		s.revoke(fmt.Sprint("row-", i))
		s.ok("publish", "publisher", append(publishArgs, creation...)...)
		if i == 1 {
			s.run("verifier", "check", "list", "--keys", "k.pub.jwks", "--cache", "reader-cache", "--claims", `{"iss":"i","jti":"row-0"}`)
		}
	}
	s.revoke("last")
	return s
}

// newAgedScene is a list with so much history that gc deletes most of it.
func newAgedScene(t *testing.T) *crashScene {
	s := &crashScene{t: t, dir: t.TempDir()}
	s.ok("keygen", "publisher", "keygen", "--out", "k.jwk")
	jwk, err := os.ReadFile(s.file("k.jwk"))
	require.NoError(t, err)
	require.NoError(t, age(s.file("list"), jwk, 20))
	for _, jti := range []string{"row-0", "row-1", "row-2", "last"} {
		s.revoke(jti)
	}
	return s
}

// copy is the same scene in another place; the files stay as old as they are.
func (s *crashScene) copy(t *testing.T) *crashScene {
	c := &crashScene{t: t, dir: t.TempDir()}
	s.ok("copy", "cp", "-a", s.dir+"/.", c.dir)
	return c
}

// newFirstScene is a source of which no list was made yet.
func newFirstScene(t *testing.T) *crashScene {
	s := &crashScene{t: t, dir: t.TempDir()}
	s.ok("keygen", "publisher", "keygen", "--out", "k.jwk")
	for _, jti := range []string{"row-0", "row-1", "row-2", "last"} {
		s.revoke(jti)
	}
	return s
}

// but is the same scene after a command of the shell.
func (s *crashScene) but(t *testing.T, command string) *crashScene {
	c := s.copy(t)
	c.ok(command, "sh", "-c", command)
	return c
}

// recovers runs the next publication, proves every version, and asks for every row, over the network and
// from the reader's cache alone. One publication is enough: the publisher's cache is whole again.
func (s *crashScene) recovers(what string) {
	s.t.Helper()
	s.revoke("after")
	s.ok(what, "publisher", append(publishArgs, creation...)...)
	out, code := s.run("publisher", publishArgs...)
	require.Zero(s.t, code, "%s: %s", what, out)
	require.NotContains(s.t, out, "warning: the cache", what)
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

// strace runs a program with a fault injected. It returns the calls that met with it, none if the
// program made too few.
func (s *crashScene) strace(inject string, program string, args ...string) (met string) {
	s.t.Helper()
	calls, _, _ := strings.Cut(inject, ":")
	trace := []string{"-f", "-o", "trace", "-e", "trace=" + calls, "-e", "inject=" + inject, program}
	cmd := exec.Command("strace", append(trace, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // calls are counted by thread
	out, err := cmd.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	killed := failed && exit.Sys().(syscall.WaitStatus).Signaled()
	log, err := os.ReadFile(s.file("trace"))
	require.NoError(s.t, err, "%s", out)
	killed = killed || bytes.Contains(log, []byte("+++ killed by SIGKILL"))
	began := map[string]string{} // by thread, the call that strace interrupted to show another
	for line := range strings.Lines(string(log)) {
		thread, call, _ := strings.Cut(line, " ")
		if strings.Contains(call, "<unfinished ...>") {
			began[thread] = call
		}
		if strings.Contains(call, "(INJECTED)") || killed && strings.Contains(call, "= ?") {
			met += began[thread] + call
		}
	}
	require.False(s.t, killed && met == "", "%s", log)
	return met
}

// The built programs are killed, and refused by the disk, at every system call that
// touches it. Whatever is left, the next run succeeds, every version verifies, no row is
// lost, and a reader's cache is believed only as far as it is proved. The short form fails each third.
func TestEverySystemCallFails(t *testing.T) {
	needStrace(t)
	// strace counts the calls of each name for themselves.
	const (
		writing  = "write fsync linkat renameat mkdirat unlinkat"
		killed   = "signal=KILL:when=%d"
		failing  = "error=EIO:when=%d"
		broken   = "error=EIO:when=%d+"
		full     = "error=ENOSPC:when=%d+"
		readOnly = "error=EROFS:when=%d+"
	)
	recent, aged := newCrashScene(t), newAgedScene(t)
	unexplained := recent.but(t, "rm -r list/ledger publisher-cache/*")
	torn := recent.but(t, "echo torn > publisher-cache/base.jwt")
	publish := append([]string{"publisher"}, publishArgs...)
	snapshot := append(slices.Clip(publish), "--snapshot-every", "1")
	first := append(slices.Clip(publish), creation...)
	check := []string{"verifier", "check", "list", "--keys", "k.pub.jwks", "--cache", "reader-cache", "--claims", `{"iss":"i","jti":"good"}`}
	gc := []string{"publisher", "gc", "--store", "list", "--keys", "k.pub.jwks", "--keep", "1h"}
	// Calls are counted by thread, so not every case meets each of its files. All of them do together.
	var mu sync.Mutex
	all := ""
	step := 1
	if testing.Short() {
		step = 3
	}
	t.Cleanup(func() {
		if step > 1 {
			return
		}
		for _, file := range []string{
			"list/ledger/.*-from-", "list/ledger/.*-snapshot-", "list/versions/.*/delta-", "list/versions/.*/snapshot-", "list/versions/.*/manifest.jwt", "list/latest.jwt",
			"publisher-cache/manifest.jwt", "publisher-cache/base.jwt", "publisher-cache/list-", "publisher-cache/ledger-", "publisher-cache/ledger/",
		} {
			assert.True(t, regexp.MustCompile(file).MatchString(all), "no fault met %s", file)
		}
	})
	for name, c := range map[string]struct {
		origin       *crashScene
		args         []string
		calls, fault string
	}{
		"first version, killed":         {newFirstScene(t), first, writing, killed},
		"publisher killed":              {recent, publish, writing, killed},
		"publisher on a full disk":      {recent, publish, "write,fsync,linkat,renameat,mkdirat", full},
		"publisher on a read-only disk": {recent, publish, "linkat,renameat,mkdirat,unlinkat", readOnly},
		"publisher on a broken disk":    {recent, publish, "fsync", broken},
		"publisher that reads nothing":  {recent, publish, "openat", failing},
		"publisher without a cache":     {aged, publish, "openat", failing},
		"cache written anew, killed":    {torn, publish, writing, killed},
		"ledger begun again, killed":    {unexplained, publish, writing, killed},
		"snapshot, killed":              {recent, snapshot, writing, killed},
		"snapshot, on a broken disk":    {recent, snapshot, "openat " + writing, failing},
		"reader killed":                 {recent, check, writing, killed},
		"reader with a broken disk":     {recent, check, "openat " + writing, failing},
		"reader with a full disk":       {recent, check, "write,fsync,linkat,renameat,mkdirat", full},
		"gc killed":                     {aged, gc, "unlinkat", killed},
		"gc on what became read-only":   {aged, gc, "unlinkat", readOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			injected, met := 0, ""
			for calls := range strings.FieldsSeq(c.calls) {
				for n := 1; ; n += step {
					s := c.origin.copy(t)
					now := s.strace(fmt.Sprintf(calls+":"+c.fault, n), c.args[0], c.args[1:]...)
					if now == "" {
						break // the program makes no more such calls
					}
					injected++
					met += now
					s.recovers(fmt.Sprintf("%s, at %s %d", name, calls, n))
				}
			}
			require.Greater(t, injected, 2)
			mu.Lock()
			defer mu.Unlock()
			all += met
			t.Logf("%d faults injected", injected)
		})
	}
}
