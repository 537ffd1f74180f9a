package file

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

func open(t *testing.T, path string, opt Options) source.Source {
	t.Helper()
	s, err := Open(path, opt)
	require.NoError(t, err)
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func temp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }
