package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/storetest"
)

func TestDirectory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() store.Store {
		path := filepath.Join(t.TempDir(), "not", "there", "yet")
		return func() store.Store {
			s, err := store.OpenDir(path)
			require.NoError(t, err)
			return s
		}
	})
}

// What a program that was killed left half-written is not an object.
func TestDirectoryIgnoresTemporaryFiles(t *testing.T) {
	path := t.TempDir()
	s, err := store.OpenDir(path)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "a/b", []byte("x")))
	require.NoError(t, os.WriteFile(filepath.Join(path, "a", ".tmp-123"), []byte("half"), 0o600))
	infos, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, infos, 1)
}

// A web server reads the files as another user.
func TestDirectoryFilesAreReadable(t *testing.T) {
	path := t.TempDir()
	s, err := store.OpenDir(path)
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), "a/b", []byte("x")))
	info, err := os.Stat(filepath.Join(path, "a", "b"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

func TestOpen(t *testing.T) {
	path := t.TempDir()
	for address, want := range map[string]string{
		path:                        path,
		"file://" + path:            path,
		"file://localhost" + path:   path,
		"https://u:p@host/l/?sig=s": "https://host/l",
		"http://host":               "http://host",
	} {
		r, err := store.Open(address)
		require.NoError(t, err)
		require.Equal(t, want, r.String())
	}
	file := filepath.Join(path, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, address := range []string{"", file, "file://host/path", "file://", "ftp://host/", "http://", "https://u:secret@ho st/", "http:///x"} {
		_, err := store.Open(address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "secret")
	}
}
