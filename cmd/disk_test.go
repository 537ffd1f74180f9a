package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// needStrace looks for strace. Without it the test is skipped, or fails if CI=true.
func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		const missing = "there is no strace here: apt-get install strace"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
}

// refused runs a program of whose system calls some are refused: of the name and with the error
// given, and on the file or folder if one is named.
func (s *crashScene) refused(call, errno, on string, args ...string) (string, int) {
	s.t.Helper()
	trace := []string{"-f", "-o", "trace", "-e", "trace=" + call, "-e", "inject=" + call + ":error=" + errno}
	if on != "" {
		trace = append(trace, "-P", s.file(on))
	}
	out, code := s.run("strace", append(trace, args...)...)
	log, err := os.ReadFile(s.file("trace"))
	require.NoError(s.t, err)
	require.Contains(s.t, string(log), "(INJECTED)", out)
	return out, code
}

// The disk takes the manifest and cannot make its name durable: that is no publication, though
// everybody can read it. With the disk mended the next run finds out that it was one.
func TestTheFolderOfAVersionCannotBeSynced(t *testing.T) {
	needStrace(t)
	for _, folder := range []string{"list/versions/000000000005", "list/versions"} {
		s := newCrashScene(t)
		s.ok("publish", "publisher", publishArgs...)
		// There is nothing new, so the manifest is all that is to be written.
		out, code := s.refused("fsync", "EIO", folder, append([]string{"publisher"}, publishArgs...)...)
		require.Equal(t, 2, code, out)
		require.Contains(t, out, "version 5 may or may not be published, run again to find out")
		require.Contains(t, out, "input/output error")
		s.ok("show", "verifier", "show", "list", "--keys", "k.pub.jwks", "--version", "5")
		s.recovers(folder)
	}
}

// A file system without hard links is no place for a list, and says so. One that is full is
// not taken for one.
func TestAFileSystemWithoutHardLinks(t *testing.T) {
	needStrace(t)
	s := &crashScene{t: t, dir: t.TempDir()}
	s.ok("keygen", "publisher", "keygen", "--out", "k.jwk")
	s.revoke("first")
	publish := append([]string{"publisher"}, append(publishArgs, creation...)...)
	for errno, hint := range map[string]bool{"EPERM": true, "EOPNOTSUPP": true, "ENOSYS": true, "ENOSPC": false, "EMLINK": false} {
		out, code := s.refused("linkat", errno, "", publish...)
		require.Equal(t, 2, code, out)
		if hint {
			require.Contains(t, out, "the file system must have hard links", errno)
		} else {
			require.NotContains(t, out, "hard links", errno)
		}
		left, err := filepath.Glob(s.file("list/versions/*/*"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
	out, code := s.refused("linkat", "EPERM", "", "publisher", "doctor", "--store", "list")
	require.Equal(t, 2, code, out)
	require.Regexp(t, `(?m)^FAIL     write      files can be written there, .*must have hard links`, out)
	require.NotContains(t, out, "If-None-Match")
	require.NotContains(t, out, "s3:")

	out, code = s.refused("fsync", "ENOSPC", "", "publisher", "doctor", "--store", "list")
	require.Equal(t, 2, code, out)
	require.Regexp(t, `(?m)^FAIL     write      nothing can be written; .*no space left`, out)
	require.NotContains(t, out, "s3:")
}
