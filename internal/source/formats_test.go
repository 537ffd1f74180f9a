package source

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logical rows, as text; an absent column is null. All formats must make the
// same of them, be it a row or a refusal.
var logical = []map[string]string{
	{"jti": "a", "exp": "1793278936"},
	{"jti": "b", "exp": "1793278936.25", "revoked_at": "2026-10-29T13:02:16.7Z", "reason": `"stolen", they say`},
	{"sub": "alice", "client_id": "app", "before": "2026-10-29T15:02:16+02:00"},
	{"kid": "2026-01"},
	{"before": "1793278936"},
	{"reinstate": "true"},
	{"sub": "alice", "client_id": "app", "reinstate": "true", "iss": "https://issuer.example"},
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

func TestFormatsAgree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/rows.jsonl", asJSONL(t, logical))
	write(t, dir+"/rows.csv", asCSV(t, logical))
	execSQL(t, dir+"/rows.db", asSQL(logical, "revocations")...)
	execSQL(t, dir+"/rows.db", asSQL(logical, "mine")...)

	type outcome struct {
		rows    []Row
		refused []string
	}
	read := func(location string, opt Options, offset int64) outcome {
		opt.SkipBadRows = true
		rows, result, err := readAll(t, open(t, location, opt), nil)
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
	want := read(dir+"/rows.jsonl", Options{}, 0)
	require.Len(t, want.rows, 8)
	require.Len(t, want.refused, 6)
	require.Equal(t, want, read(dir+"/rows.csv", Options{}, 1))
	require.Equal(t, want, read("sqlite:"+dir+"/rows.db", Options{}, 0))
	columns := `"` + strings.Join(columnsOf(logical), `","`) + `"`
	require.Equal(t, want, read("sqlite:"+dir+"/rows.db", Options{Query: "SELECT " + columns + " FROM mine ORDER BY id"}, 0))
	require.Equal(t, want, read("-", Options{Stdin: strings.NewReader(asJSONL(t, logical))}, 0))

	// Without SkipBadRows the first bad row ends it.
	for location, message := range map[string]string{
		dir + "/rows.jsonl":          "rows.jsonl line 9: a row that names no claim needs",
		dir + "/rows.csv":            "rows.csv line 10: a row that names no claim needs",
		"sqlite:" + dir + "/rows.db": "rows.db row 9: a row that names no claim needs",
	} {
		rows, result, err := readAll(t, open(t, location, Options{}), nil)
		require.ErrorContains(t, err, message)
		_, ok := errors.AsType[*BadRowError](err)
		require.True(t, ok)
		require.Len(t, rows, 8)
		require.Nil(t, result.Cursor)
	}
}

func TestVisitorStops(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/rows.jsonl", asJSONL(t, logical))
	write(t, dir+"/rows.csv", asCSV(t, logical))
	execSQL(t, dir+"/rows.db", asSQL(logical, "revocations")...)
	stop := errors.New("stop")
	for _, location := range []string{dir + "/rows.jsonl", dir + "/rows.csv", "sqlite:" + dir + "/rows.db"} {
		_, err := open(t, location, Options{SkipBadRows: true}).Read(t.Context(), nil, func(*Row) error { return stop })
		require.ErrorIs(t, err, stop)
	}
}

func TestSkippedListIsBounded(t *testing.T) {
	s := open(t, "-", Options{Stdin: strings.NewReader(strings.Repeat("{}\n", 3*MaxSkippedListed) + `{"jti":"a"}`), SkipBadRows: true})
	rows, result, err := readAll(t, s, nil)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.EqualValues(t, 3*MaxSkippedListed, result.SkippedRows)
	require.Len(t, result.Skipped, MaxSkippedListed)
	require.EqualValues(t, MaxSkippedListed, result.Skipped[MaxSkippedListed-1].Line)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	const forms = "a source is rows.jsonl, rows.csv, sqlite:path.db, postgres://user@host/database, or - for JSON Lines on standard input"
	for location, want := range map[string]string{
		"":                         "the source is empty: " + forms,
		dir:                        dir + " is a directory: " + forms,
		"rows.txt":                 "rows.txt has no known extension: " + forms,
		"sqlite:":                  "sqlite: lacks the path of a database, as in sqlite:revocations.db",
		"sqlite://rows.db":         "sqlite:// is no source; write sqlite:path.db, or sqlite:/path.db from the root",
		"mysql://u:secret@h/db":    "mysql:// is no source: " + forms,
		"postgres://u:se#cret@h/d": postgresForm,
	} {
		_, err := Open(location, Options{})
		require.EqualError(t, err, want)
	}
	_, err := Open("rows.csv", Options{Query: "SELECT 1"})
	require.EqualError(t, err, "--query reads from a database, and rows.csv is none")

	require.Equal(t, "rows.csv", open(t, "rows.csv", Options{}).Name())
	require.Equal(t, "auth", open(t, "sqlite:a.db", Options{Name: "auth"}).Name())
	for _, missing := range []string{dir + "/no.jsonl", "sqlite:" + dir + "/no.db"} {
		_, _, err := readAll(t, open(t, missing, Options{}), nil)
		require.ErrorContains(t, err, "no such file or directory")
	}
	require.NoError(t, mkdir(dir+"/d.jsonl"))
	_, _, err = readAll(t, open(t, dir+"/d.jsonl", Options{}), nil)
	require.ErrorContains(t, err, "is not a regular file; pipe rows in with --source -")
}

func TestStdinTwice(t *testing.T) {
	s := open(t, "-", Options{Stdin: strings.NewReader("\ufeff" + `{"jti":"a"}` + "\r\n\n" + `{"jti":"b"}`)})
	require.Equal(t, "-", s.Name())
	for range 2 {
		rows, result, err := readAll(t, s, Cursor(`{"rows":2}`))
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, jtis(rows))
		require.EqualValues(t, 3, rows[1].Line)
		require.True(t, result.Full)
		require.JSONEq(t, `{"rows":2}`, string(result.Cursor))
	}
	_, _, err := readAll(t, open(t, "-", Options{Stdin: strings.NewReader("{}")}), nil)
	require.ErrorContains(t, err, "standard input line 1: ")
}
