package source

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// clone is a row without its Again, which again_test.go is about.
func clone(r *Row) Row {
	c := *r
	c.Again = false
	c.Names, c.Values = slices.Clone(r.Names), slices.Clone(r.Values)
	if len(c.Names) == 0 {
		c.Names, c.Values = nil, nil
	}
	return c
}

// readAll reads a source and keeps its rows.
func readAll(t *testing.T, s Source, since Cursor) ([]Row, Result, error) {
	t.Helper()
	var rows []Row
	result, err := s.Read(context.Background(), since, func(r *Row) error {
		require.Len(t, r.Values, len(r.Names))
		require.True(t, slices.IsSorted(r.Names))
		rows = append(rows, clone(r))
		return nil
	})
	if err == nil {
		require.LessOrEqual(t, result.Rows, int64(len(rows)))
		require.LessOrEqual(t, len(result.Cursor), 2<<10)
	}
	return rows, result, err
}

func open(t *testing.T, location string, opt Options) Source {
	t.Helper()
	s, err := Open(location, opt)
	require.NoError(t, err)
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func temp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// execSQL runs statements on a database file.
func execSQL(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
}

// jtis are the first claims of rows: enough where rows are {"jti":…,"exp":…}.
func jtis(rows []Row) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.Values[0])
	}
	return out
}
