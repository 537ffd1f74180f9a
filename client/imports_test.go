package client_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program that embeds the client links no bucket, no database and no command line.
func TestImportGraphStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	require.NoError(t, err)
	deps := string(out)
	require.Contains(t, deps, "github.com/klauspost/compress/zstd")
	for _, heavy := range []string{"minio", "sqlite", "database/sql", "kong", "mpb", "testify", "revocast/publish", "revocast/source", "internal/ledger"} {
		for dep := range strings.Lines(deps) {
			require.NotContains(t, dep, heavy)
		}
	}
}
