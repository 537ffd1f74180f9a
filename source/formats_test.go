package source_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/source/sqlite"
)

// logical rows have text for values, and no value for null. Every format must accept the same ones,
// as the same rows, and refuse the same ones, for the same reasons.
var logical = []map[string]string{
	{"jti": "a", "exp": "1793278936"},
	{"jti": "b", "exp": "1793278936.25", "revoked_at": "2026-10-29T13:02:16.7Z", "reason": `"stolen", they say`},
	{"sub": "alice", "client_id": "app", "before": "2026-10-29T15:02:16+02:00"},
	{"kid": "2026-01"},
	{"before": "1793278936"},
	{"reinstate": "true", "revoked_at": "1793278936.1234"},
	{"sub": "alice", "client_id": "app", "reinstate": "true", "iss": "https://issuer.example", "revoked_at": "1793278936"},
	{"tenant": "007", "sub": "é😀", "reinstate": "false"},
	{"exp": "1793278936"},
	{"jti": "c", "exp": "tomorrow"},
	{"jti": "d", "exp": "1793278936250"},
	{"jti": strings.Repeat("x", 1025)},
	{"jti": "e", "exp": "-1"},
	{"jti": "f", "reinstate": "perhaps"},
}

func columnsOf(rows []map[string]string) []string {
	names := map[string]bool{}
	for _, r := range rows {
		for n := range r {
			names[n] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func asJSONL(t *testing.T, rows []map[string]string) string {
	var b strings.Builder
	for _, r := range rows {
		m := map[string]any{}
		for n, v := range r {
			m[n] = v
			if n == "reinstate" && v != "perhaps" {
				m[n] = v == "true"
			}
		}
		line, err := json.Marshal(m)
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s\n", line)
	}
	return b.String()
}

func asCSV(t *testing.T, rows []map[string]string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	columns := columnsOf(rows)
	require.NoError(t, w.Write(columns))
	for _, r := range rows {
		fields := make([]string, len(columns))
		for i, c := range columns {
			fields[i] = r[c]
		}
		require.NoError(t, w.Write(fields))
	}
	w.Flush()
	return b.String()
}

func asSQL(rows []map[string]string, table string) []string {
	return append([]string{`CREATE TABLE ` + table + ` (id INTEGER PRIMARY KEY AUTOINCREMENT, "` + strings.Join(columnsOf(rows), `" TEXT, "`) + `" TEXT)`},
		insertAll(rows, table)...)
}

func insertAll(rows []map[string]string, table string) (statements []string) {
	columns := columnsOf(rows)
	for _, r := range rows {
		values := make([]string, len(columns))
		for i, c := range columns {
			values[i] = "NULL"
			if v, ok := r[c]; ok {
				values[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
			}
		}
		statements = append(statements, `INSERT INTO `+table+` ("`+strings.Join(columns, `","`)+`") VALUES (`+strings.Join(values, ",")+`)`)
	}
	return statements
}

// openFile opens a file that must have the extension of a format.
func openFile(t *testing.T, path string, skip bool) source.Source {
	t.Helper()
	s, err := file.Open(path, file.Options{SkipBadRows: skip})
	require.NoError(t, err)
	return s
}

// write writes the logical rows in every format. The tables of the database have no constraints.
func write(t *testing.T) (dir string) {
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/rows.jsonl", []byte(asJSONL(t, logical)), 0o600))
	require.NoError(t, os.WriteFile(dir+"/rows.csv", []byte(asCSV(t, logical)), 0o600))
	db, err := sql.Open("sqlite", dir+"/rows.db")
	require.NoError(t, err)
	defer db.Close()
	for _, s := range append(asSQL(logical, "revocations"), asSQL(logical, "mine")...) {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
	return dir
}

func TestFormatsAgree(t *testing.T) {
	dir := write(t)
	type outcome struct {
		rows    []source.Row
		refused []string
	}
	read := func(s source.Source, offset int64) outcome {
		rows, result, err := sourcetest.Read(t, s, nil)
		require.NoError(t, err)
		require.True(t, result.Full)
		var o outcome
		for _, r := range rows {
			r.Line -= offset
			o.rows = append(o.rows, r)
		}
		require.EqualValues(t, len(result.Skipped), result.SkippedRows)
		for _, e := range result.Skipped {
			o.refused = append(o.refused, fmt.Sprintf("%d %s %s", e.Line-offset, e.Field, e.Reason))
		}
		return o
	}
	want := read(openFile(t, dir+"/rows.jsonl", true), 0)
	require.Len(t, want.rows, 8)
	require.Len(t, want.refused, 6)
	require.Equal(t, want, read(openFile(t, dir+"/rows.csv", true), 1))
	require.Equal(t, want, read(sqlite.Open(dir+"/rows.db", sqlite.Options{SkipBadRows: true}), 0))
	query := `SELECT "` + strings.Join(columnsOf(logical), `","`) + `" FROM mine ORDER BY id`
	require.Equal(t, want, read(sqlite.Open(dir+"/rows.db", sqlite.Options{SkipBadRows: true, Query: query}), 0))
	require.Equal(t, want, read(file.Stream(strings.NewReader(asJSONL(t, logical)), file.Options{SkipBadRows: true}), 0))
}

// kinds are sources of the logical rows, and how a message names the first bad one.
func kinds(t *testing.T, dir string) map[string]source.Source {
	return map[string]source.Source{
		"rows.jsonl line 9": openFile(t, dir+"/rows.jsonl", false),
		"rows.csv line 10":  openFile(t, dir+"/rows.csv", false),
		"rows.db row 9":     sqlite.Open(dir+"/rows.db", sqlite.Options{}),
	}
}

func TestFirstBadRowEndsTheReading(t *testing.T) {
	for place, s := range kinds(t, write(t)) {
		rows, _, err := sourcetest.Read(t, s, nil)
		require.ErrorContains(t, err, place+": a row that names no claim needs")
		_, ok := errors.AsType[*source.BadRowError](err)
		require.True(t, ok)
		require.Len(t, rows, 8)
	}
}

// An error of the visitor ends the reading. A row that the visitor refuses is a bad row of the
// source.
func TestVisitorStops(t *testing.T) {
	stop := errors.New("stop")
	for place, s := range kinds(t, write(t)) {
		_, err := s.Read(t.Context(), nil, func(*source.Row) error { return stop })
		require.Equal(t, stop, err)
		_, err = s.Read(t.Context(), nil, func(r *source.Row) error {
			if r.Names == nil && r.Reinstate {
				return &source.BadRowError{Field: "iss", Reason: "refused"}
			}
			return nil
		})
		require.ErrorContains(t, err, place[:strings.LastIndexByte(place, ' ')], `, field "iss": refused`)
	}
}
