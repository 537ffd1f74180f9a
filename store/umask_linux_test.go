package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/store"
)

// A web server, another user, finds its way to the files whatever umask the publisher has. What lies above the
// store is left as the umask wants it.
func TestDirectoryFoldersAreReadable(t *testing.T) {
	mask := syscall.Umask(0o077)
	defer syscall.Umask(mask)
	above := filepath.Join(t.TempDir(), "above")
	s, err := store.OpenDir(filepath.Join(above, "list"))
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), "versions/1/a", nil))
	for folder, want := range map[string]os.FileMode{"": 0o700, "list": 0o755, "list/versions": 0o755, "list/versions/1": 0o755} {
		info, err := os.Stat(filepath.Join(above, folder))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), folder)
	}

	require.NoError(t, os.Chmod(filepath.Join(above, "list"), 0o750|os.ModeSetgid))
	require.NoError(t, s.Create(t.Context(), "mine/a", nil))
	info, err := os.Stat(filepath.Join(above, "list"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o750), info.Mode().Perm(), "what somebody else set stays")
	info, err = os.Stat(filepath.Join(above, "list", "mine"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755)|os.ModeSetgid, info.Mode()&^os.ModeDir, "what is inherited stays")
}
