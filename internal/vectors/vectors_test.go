package vectors

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

var onDisk = filepath.Join("..", "..", "testdata", "vectors")

// byHand are the files that are not made.
var byHand = []string{"README.md"}

// The vectors are what the product makes and says today, byte for byte.
func TestVectors(t *testing.T) {
	files, err := Generate(os.DirFS(onDisk))
	require.NoError(t, err)
	if *update {
		for name, data := range files {
			path := filepath.Join(onDisk, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, data, 0o644))
		}
	}
	seen := 0
	require.NoError(t, fs.WalkDir(os.DirFS(onDisk), ".", func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() || slices.Contains(byHand, name) {
			return nil
		}
		want, ok := files[name]
		if !ok && *update {
			return os.Remove(filepath.Join(onDisk, filepath.FromSlash(name)))
		}
		require.True(t, ok, "%s is no vector; go test ./internal/vectors -update removes it", name)
		got, err := os.ReadFile(filepath.Join(onDisk, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is not what the product makes; if that is meant, go test ./internal/vectors -update", name)
		seen++
		return nil
	}))
	require.Len(t, files, seen, "vectors are missing; go test ./internal/vectors -update writes them")
}
