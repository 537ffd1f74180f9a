package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

// The errors say how a SOURCE is written. None repeats a URL, which may hold a password.
func TestOpenSource(t *testing.T) {
	dir := t.TempDir()
	const forms = "a source is rows.jsonl, rows.csv, sqlite:path.db, postgres://user@host/database, or - for JSON Lines on standard input"
	for location, want := range map[string]string{
		"":                      "the source is empty: " + forms,
		dir:                     dir + " is a directory: " + forms,
		"rows.txt":              "rows.txt has no known extension: " + forms,
		"sqlite:":               "sqlite: lacks the path of a database, as in sqlite:revocations.db",
		"sqlite://rows.db":      "sqlite:// is not a source; write sqlite:path.db, or sqlite:/path.db from the root",
		"mysql://u:secret@h/db": "mysql:// is not a source: " + forms,
	} {
		_, err := openSource(location, sourceOptions{})
		require.EqualError(t, err, want)
	}
	_, err := openSource("postgres://u:se#cret@h/d", sourceOptions{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "cret")

	_, err = openSource("rows.csv", sourceOptions{Query: "SELECT 1"})
	require.EqualError(t, err, "--query reads from a database, and rows.csv is not one")
	_, err = openSource("sqlite:a.db", sourceOptions{Query: "SELECT 1", Window: time.Hour})
	require.EqualError(t, err, "--window and --full-every are for a --query with @since on PostgreSQL, and not for sqlite:a.db")

	for location, name := range map[string]string{
		"rows.csv": "rows.csv", "rows.JSONL": "rows.JSONL", "sqlite:a.db": "sqlite:a.db", "-": "standard input",
		"postgres://u:secret@h/d": "postgres://u@h/d",
	} {
		s, err := openSource(location, sourceOptions{})
		require.NoError(t, err)
		require.Equal(t, name, s.String())
	}
}

func TestRecordInSource(t *testing.T) {
	decision := source.Decision{Claims: map[string]string{"sub": "a"}, Moment: time.UnixMilli(1793278936_123)}
	for _, location := range []string{"-", "rows.csv"} {
		_, _, err := record(t.Context(), location, decision)
		require.ErrorContains(t, err, `cannot record a row in "`+location+`": that takes sqlite:path.db, postgres://user@host/database or rows.jsonl`)
	}
	_, _, err := record(t.Context(), "mysql://u:secret@h/db", decision)
	require.ErrorContains(t, err, "mysql:// is not a source")

	path := filepath.Join(t.TempDir(), "rows.jsonl")
	place, id, err := record(t.Context(), path, decision)
	require.NoError(t, err)
	require.Equal(t, path, place)
	require.Zero(t, id)
	line, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{"sub":"a","revoked_at":1793278936.123}`+"\n", string(line))

	db := "sqlite:" + filepath.Join(t.TempDir(), "rows.db")
	_, id, err = record(t.Context(), db, decision)
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
}
