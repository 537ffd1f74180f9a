package source

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSQLiteCursor(t *testing.T) {
	path := temp(t, "a b?c#d%20.db") // everything that a URI would take for something else
	s := open(t, "sqlite:"+path, Options{})
	var cursor Cursor
	step := func(full bool, want ...string) []Row {
		t.Helper()
		rows, result, err := readAll(t, s, cursor)
		require.NoError(t, err)
		require.Equal(t, append([]string{}, want...), jtis(rows))
		require.Equal(t, full, result.Full)
		cursor = result.Cursor
		return rows
	}
	record := func(jti string) int64 {
		t.Helper()
		id, err := Record(t.Context(), "sqlite:"+path, NewRow{Claims: map[string]string{"jti": jti}})
		require.NoError(t, err)
		return id
	}
	db := func(statement string) { t.Helper(); execSQL(t, "file:"+escape(path), statement) }

	require.EqualValues(t, 1, record("a"))
	db(`DELETE FROM revocations`)
	step(true)
	record("b")
	require.EqualValues(t, 2, step(true, "b")[0].Line)
	step(false)
	record("c")
	record("d")
	step(false, "c", "d")

	// Housekeeping is no reason to read anything again, whatever it deletes.
	db(`DELETE FROM revocations WHERE jti = 'c'`)
	step(false)
	db(`DELETE FROM revocations`)
	step(false)
	record("e")
	step(false, "e")
	// New columns change no row.
	_, err := Record(t.Context(), "sqlite:"+path, NewRow{Claims: map[string]string{"device_id": "x"}})
	require.NoError(t, err)
	step(false, "x")
	db(`ALTER TABLE revocations ADD COLUMN other TEXT`)
	step(false)

	// Another row in place of the last: the table is not the one that was read.
	db(`UPDATE revocations SET device_id = 'y' WHERE device_id = 'x'`)
	step(true, "e", "y")

	// Restored from a backup, or made anew.
	db(`UPDATE sqlite_sequence SET seq = 3`)
	_, _, err = readAll(t, s, cursor)
	require.ErrorIs(t, err, ErrOlderSource)
	require.ErrorContains(t, err, "is 3, and 6 was read before; restore the newer database, or publish this one under another --source-name")
	require.NoError(t, os.Remove(path))
	record("n")
	_, _, err = readAll(t, s, cursor)
	require.ErrorIs(t, err, ErrOlderSource)
	// Made anew, and grown past the cursor already: all of it is new.
	for _, n := range []string{"o", "p", "q", "r", "s", "t"} {
		record(n)
	}
	step(true, "n", "o", "p", "q", "r", "s", "t")
}

func escape(path string) string {
	out := ""
	for _, c := range path {
		switch c {
		case '?':
			out += "%3f"
		case '#':
			out += "%23"
		case '%':
			out += "%25"
		default:
			out += string(c)
		}
	}
	return out
}

func TestSQLiteTableRefused(t *testing.T) {
	path := temp(t, "a.db")
	execSQL(t, path, `CREATE TABLE other (jti TEXT)`)
	s := open(t, "sqlite:"+path, Options{})
	_, _, err := readAll(t, s, nil)
	require.EqualError(t, err, "cannot use the source sqlite:"+path+": it has no table revocations; publisher revoke makes one, and --query reads a table of your own")

	execSQL(t, path, `CREATE TABLE revocations (id INTEGER PRIMARY KEY, jti TEXT)`)
	_, _, err = readAll(t, s, nil)
	require.ErrorContains(t, err, "has no column id INTEGER PRIMARY KEY AUTOINCREMENT, so new rows cannot be told from old ones; read it with --query")
	_, err = Record(t.Context(), "sqlite:"+path, NewRow{Claims: map[string]string{"jti": "a"}})
	require.ErrorContains(t, err, "has no column id INTEGER PRIMARY KEY AUTOINCREMENT")

	execSQL(t, path, `DROP TABLE revocations`, `CREATE TABLE revocations (id INTEGER PRIMARY KEY AUTOINCREMENT, "Exp" INTEGER)`)
	_, _, err = readAll(t, s, nil)
	require.EqualError(t, err, `the column "Exp" of sqlite:`+path+` cannot be used: the reserved column is written in lower case: "exp"`)

	write(t, path, "this is no database, whatever its name may be")
	_, _, err = readAll(t, s, nil)
	require.ErrorContains(t, err, "file is not a database")
}

func TestSQLiteQuery(t *testing.T) {
	path := temp(t, "a.db")
	execSQL(t, path, `CREATE TABLE sessions (n INTEGER, at TIMESTAMP, x)`,
		`INSERT INTO sessions VALUES (7, '2026-10-29 13:02:16', 1.5), (8, 1793278936, CAST('blob' AS BLOB)), (9, 1793278936, x'ff'), (10, NULL, 3.0)`)
	read := func(query string) ([]Row, Result, error) {
		return readAll(t, open(t, "sqlite:"+path, Options{Query: query, SkipBadRows: true}), Cursor(`{"id":3,"row":"x"}`))
	}
	rows, result, err := read(`SELECT n AS session, at AS exp, x AS tenant, 'T' AS reinstate FROM sessions ORDER BY n`)
	require.NoError(t, err)
	require.True(t, result.Full)
	require.Contains(t, string(result.Cursor), `{"rows":2,`)
	require.Equal(t, []Row{
		{Names: []string{"session", "tenant"}, Values: []string{"8", "blob"}, Exp: 1793278936, Before: None, RevokedAt: None, Reinstate: true, Line: 2},
		{Names: []string{"session", "tenant"}, Values: []string{"10", "3"}, Exp: None, Before: None, RevokedAt: None, Reinstate: true, Line: 4},
	}, rows)
	require.Len(t, result.Skipped, 2)
	require.ErrorContains(t, result.Skipped[0], `a.db row 1, field "exp": it is text in a column declared DATE, DATETIME or TIMESTAMP, whose zone is unknown`)
	require.ErrorContains(t, result.Skipped[1], `a.db row 3, field "tenant": it is a BLOB that is not UTF-8 text; a claim is a string or an integer`)

	rows, _, err = read(`SELECT n AS sid, 1793278936.25 AS exp, unixepoch(at, 'subsec') AS before FROM sessions WHERE n = 7`)
	require.NoError(t, err)
	require.EqualValues(t, 1793278937, rows[0].Exp)
	require.EqualValues(t, 1793278936, rows[0].Before)

	_, _, err = read(`SELECT n AS sid, n AS sid FROM sessions`)
	require.ErrorContains(t, err, `the column "sid" of sqlite:`+path+` cannot be used: the row has this field twice`)
	_, _, err = read(`SELECT count(*) FROM sessions`)
	require.ErrorContains(t, err, `has one of the characters + * , in it`)
	_, _, err = read(`SELEC`)
	require.ErrorContains(t, err, "the query on sqlite:"+path+" failed: ")
	_, _, err = read(`DELETE FROM sessions RETURNING n AS sid`)
	require.ErrorContains(t, err, "readonly")
	rows, _, err = read(`SELECT n AS sid FROM sessions WHERE false`)
	require.NoError(t, err)
	require.Empty(t, rows)
}
