package doctor_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/doctor"
	"github.com/revocast/revocast/internal/probe"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// mount gives a small disk. Where mounting is refused the test is skipped, or fails
// if CI=true.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		missing := "a disk cannot be mounted here, which takes root: " + err.Error()
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// examine gives what is found of a store, by probe.
func examine(t *testing.T, dir string, key *signer.PrivateKey) map[string]probe.Finding {
	t.Helper()
	s, err := store.OpenDir(dir)
	require.NoError(t, err)
	found := map[string]probe.Finding{}
	err = doctor.Examine(t.Context(), doctor.Config{Store: s, Key: key, Now: time.Now, Rand: rand.Reader}, func(f probe.Finding) {
		require.NotContains(t, f.Text, "s3:", "it is no bucket")
		found[f.Probe] = f
	})
	require.NoError(t, err)
	return found
}

// A disk may lack bytes, or inodes while there are bytes enough.
func TestDisksThatAreNearlyFull(t *testing.T) {
	for options, test := range map[string]struct {
		grade probe.Grade
		says  string
	}{
		"size=1m":                  {probe.Warning, "only 1 MiB are free"},
		"size=1g,nr_inodes=60":     {probe.Warning, "more files and folders fit on the disk of"},
		"size=1g,nr_inodes=100000": {probe.OK, "1024 MiB are free"},
		"size=1g,nr_inodes=0":      {probe.OK, "1024 MiB are free"}, // as many as there are
	} {
		found := examine(t, mount(t, options), nil)
		require.Equal(t, test.grade, found["space"].Grade, options)
		require.Contains(t, found["space"].Text, test.says, options)
		require.Equal(t, probe.OK, found["write"].Grade, options)
	}
}

// On a full one nothing can be written, and that is not for want of a right.
func TestADiskThatIsFull(t *testing.T) {
	found := examine(t, mount(t, "size=1g,nr_inodes=1"), nil)
	require.Equal(t, probe.Fail, found["write"].Grade)
	require.Contains(t, found["write"].Text, "the disk has to have space")
	require.Contains(t, found["write"].Text, "no space left on device")
	require.Contains(t, found["space"].Text, "only 0 more files and folders fit")
}

// A temporary folder that is not there, or full, says nothing of the key.
func TestTheKeyIsNotToBlame(t *testing.T) {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	list, gone, full := t.TempDir(), filepath.Join(t.TempDir(), "gone"), mount(t, "size=1g,nr_inodes=2")
	require.Equal(t, probe.OK, examine(t, list, key)["sign"].Grade)
	for _, dir := range []string{gone, full} {
		t.Setenv("TMPDIR", dir)
		found := examine(t, list, key)["sign"]
		require.Equal(t, probe.Warning, found.Grade, dir)
		require.Contains(t, found.Text, "set TMPDIR to where there is space")
	}
}
