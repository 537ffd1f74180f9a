package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/store"
)

// What killed writers left is told when it is old enough, and swept by its name. Nothing else is.
func TestLitterOfADirectory(t *testing.T) {
	path := t.TempDir()
	s, err := store.OpenDir(path)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "a/b", []byte("x")))
	noon := time.Now().Add(-time.Hour)
	for _, file := range []string{".tmp-1", "a/.tmp-2", "a/.tmp-young", "a/tmp-3", "a/.other", ".hidden/.tmp-4"} {
		file = filepath.Join(path, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte("half"), 0o600))
		require.NoError(t, os.Chtimes(file, noon, noon.Add(-time.Second)))
	}
	require.NoError(t, os.Chtimes(filepath.Join(path, "a/.tmp-young"), noon, noon.Add(time.Second)))
	for _, folder := range []string{"a/empty", "young", ".hidden/empty"} {
		require.NoError(t, os.MkdirAll(filepath.Join(path, folder), 0o755))
		require.NoError(t, os.Chtimes(filepath.Join(path, folder), noon, noon.Add(-time.Second)))
	}
	require.NoError(t, os.Chtimes(filepath.Join(path, "young"), noon, noon.Add(time.Second)))

	litter := s.(store.Sweeper)
	infos, err := litter.Litter(t.Context(), noon)
	require.NoError(t, err)
	var names []string
	for _, info := range infos {
		names = append(names, fmt.Sprintf("%s %d", info.Name, info.Size))
	}
	require.Equal(t, []string{".tmp-1 4", "a/.tmp-2 4", "a/empty/ 0"}, names)
	for _, info := range infos {
		require.NoError(t, litter.Sweep(t.Context(), info.Name))
		require.NoError(t, litter.Sweep(t.Context(), info.Name), "what is not there any more is no error")
	}
	infos, err = litter.Litter(t.Context(), noon)
	require.NoError(t, err)
	require.Empty(t, infos)

	require.NoError(t, litter.Sweep(t.Context(), "a/"), "a folder that is used again stays")
	for _, name := range []string{"a/b", "a/tmp-3", "", "/", "./", "../x/", ".hidden/.tmp-4", "a/../.tmp-1", "/.tmp-1"} {
		require.ErrorIs(t, litter.Sweep(t.Context(), name), store.ErrBadName, name)
	}
	require.FileExists(t, filepath.Join(path, "a/b"))

	gone, err := store.OpenDir(filepath.Join(path, "not there"))
	require.NoError(t, err)
	infos, err = gone.(store.Sweeper).Litter(t.Context(), noon)
	require.NoError(t, err)
	require.Empty(t, infos)
}

// A cache that follows a list has a folder for every version, and keeps none of them.
func TestDeletingLeavesNoFolders(t *testing.T) {
	path := t.TempDir()
	s, err := store.OpenDir(path)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "versions/1/a", nil))
	require.NoError(t, s.Put(t.Context(), "versions/1/b", nil))
	require.NoError(t, s.Delete(t.Context(), "versions/1/a"))
	require.DirExists(t, filepath.Join(path, "versions/1"))
	require.NoError(t, s.Delete(t.Context(), "versions/1/b"))
	require.NoDirExists(t, filepath.Join(path, "versions"))
	require.DirExists(t, path)
}

// Whoever writes into a folder that others empty meanwhile does not notice.
func TestWritingIntoFoldersThatGoAway(t *testing.T) {
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			name := fmt.Sprint("versions/1/", i)
			for range 100 {
				if err := s.Create(t.Context(), name, []byte(name)); err != nil {
					t.Error(err)
				}
				if err := s.Delete(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
