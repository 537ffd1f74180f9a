package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// as runs a command in the scene without the rights of root.
func (s *crashScene) as(program string, args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	if os.Getuid() == 0 { // whom file modes do not bind
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return s.end(cmd)
}

// chmod changes the mode of everything below a name, folders included.
func (s *crashScene) chmod(name string, folders, files os.FileMode) {
	s.t.Helper()
	require.NoError(s.t, filepath.WalkDir(s.file(name), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.Chmod(path, folders)
		}
		return os.Chmod(path, files)
	}))
}

// A cache that cannot be written is a warning, a list that cannot be written an error, and
// what cannot be read is named. With the rights back everything goes on.
func TestWithoutTheRights(t *testing.T) {
	s := newCrashScene(t)
	for dir := s.dir; dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	s.chmod("publisher-cache", 0o555, 0o444)
	s.chmod("reader-cache", 0o555, 0o444)
	s.chmod("list", 0o777, 0o666)
	require.NoError(t, os.Chmod(s.file("k.jwk"), 0o644))
	require.NoError(t, os.Chmod(s.file("rows.jsonl"), 0o644))

	out, code := s.as("publisher", publishArgs...)
	require.Zero(t, code, out)
	require.Contains(t, out, "publisher-cache could not be written, so the next run reads the store")
	require.Contains(t, out, "permission denied")
	for range 2 {
		out, code = s.as("verifier", "check", "list", "--keys", "k.pub.jwks", "--cache", "reader-cache", "--claims", `{"iss":"i","jti":"last"}`)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "revoked jti")
	}

	s.chmod("list", 0o555, 0o444)
	s.revoke("more")
	out, code = s.as("publisher", publishArgs...)
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "permission denied")

	s.chmod("list", 0o777, 0o666)
	for _, name := range []string{"rows.jsonl", "k.jwk"} {
		require.NoError(t, os.Chmod(s.file(name), 0))
		out, code = s.as("publisher", publishArgs...)
		require.Equal(t, 2, code, "%s: %s", name, out)
		require.Contains(t, out, name)
		require.Contains(t, out, "permission denied")
		require.NoError(t, os.Chmod(s.file(name), 0o644))
	}
	require.NoError(t, os.Chmod(s.file("k.jwk"), 0o600)) // else every run warns
	s.chmod("list", 0o755, 0o644)
	s.chmod("publisher-cache", 0o755, 0o644)
	s.chmod("reader-cache", 0o755, 0o644)
	s.recovers("with the rights back")
}

// What lies beside a list and is not its: a folder that no object can lie in, such as the
// lost+found of a disk, is nobody's concern, even if it cannot be read. Of one that objects
// could lie in that must be said, by doctor before gc meets it at night.
func TestFoldersOfOthers(t *testing.T) {
	s := newCrashScene(t)
	for dir := s.dir; dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	s.chmod("list", 0o777, 0o666)
	require.NoError(t, os.Chmod(s.file("k.jwk"), 0o644))
	all := [][]string{
		{"publisher", "gc", "--store", "list", "--keys", "k.pub.jwks"},
		{"verifier", "verify", "list", "--keys", "k.pub.jwks"},
		{"publisher", "doctor", "--store", "list"},
	}
	closed := func(name string) {
		require.NoError(t, os.Mkdir(s.file(name), 0))
		t.Cleanup(func() { os.Chmod(s.file(name), 0o700) })
	}
	closed("list/lost+found")
	closed("list/versions/.snapshots")
	for _, args := range all {
		out, code := s.as(args[0], args[1:]...)
		require.Zero(t, code, "%s: %s", args, out)
		require.NotContains(t, out, "WARNING")
	}
	closed("list/backup")
	for _, args := range all {
		out, code := s.as(args[0], args[1:]...)
		require.Equal(t, args[1] != "doctor", code == 2, "%s: %s", args, out)
		require.Regexp(t, "list/backup/?: permission denied", out)
		require.NotContains(t, out, "s3:")
	}
}
