package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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
	infos, err := s.List(t.Context(), "", "")
	require.NoError(t, err)
	require.Len(t, infos, 1)
}

// A directory may be reached by a symbolic link, which lists as what it leads to.
func TestDirectoryBehindALink(t *testing.T) {
	base := t.TempDir()
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	require.NoError(t, os.Symlink("real", link))
	s, err := store.OpenDir(link)
	require.NoError(t, err)
	infos, err := s.List(t.Context(), "", "")
	require.NoError(t, err, "it leads nowhere yet, and is a store without objects")
	require.Empty(t, infos)

	require.NoError(t, os.Mkdir(real, 0o755))
	require.NoError(t, s.Create(t.Context(), "a/b", []byte("x")))
	require.NoError(t, os.WriteFile(filepath.Join(real, "a", ".tmp-123"), []byte("half"), 0o600))
	infos, err = s.List(t.Context(), "a/", "")
	require.NoError(t, err)
	require.Len(t, infos, 1)
	require.Equal(t, "a/b", infos[0].Name)
	litter, err := s.(store.Sweeper).Litter(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, litter, 1)
	require.Equal(t, "a/.tmp-123", litter[0].Name)
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
