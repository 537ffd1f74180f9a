package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

func temp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// execSQL runs statements on a database file, as a service or an operator would.
func execSQL(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := open(path, "_pragma=synchronous(OFF)")
	require.NoError(t, err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
}

// ownTable is a table that was made by hand. It refuses nothing.
const ownTable = `CREATE TABLE revocations (id INTEGER PRIMARY KEY AUTOINCREMENT, jti TEXT, kid TEXT, "before" INTEGER, exp INTEGER, revoked_at REAL, reason TEXT, reinstate INTEGER, iss TEXT)`

// laxTable claims to refuse old ids, and does not, so that tests can change it at will.
const laxTable = ownTable + `; CREATE TRIGGER revocations_no_old_id AFTER INSERT ON revocations WHEN 0 BEGIN SELECT 1; END`

func TestSourcesThatCannotBeRead(t *testing.T) {
	path := temp(t, "a.db")
	s := Open(path, Options{})
	fails := func() string {
		t.Helper()
		_, _, err := sourcetest.Read(t, s, nil)
		require.Error(t, err)
		return err.Error()
	}
	require.Equal(t, "cannot read the source sqlite:"+path+": stat "+path+": no such file or directory", fails())

	execSQL(t, path, `CREATE TABLE other (jti TEXT)`)
	require.Equal(t, "cannot use the source sqlite:"+path+": there is no table revocations", fails())

	execSQL(t, path, `CREATE TABLE revocations (id INTEGER PRIMARY KEY, jti TEXT)`)
	require.Contains(t, fails(), "has no column id INTEGER PRIMARY KEY AUTOINCREMENT, so new rows cannot be told from old ones; read it with a query")
	_, err := Record(t.Context(), path, source.Decision{Claims: map[string]string{"jti": "a"}})
	require.ErrorContains(t, err, "has no column id INTEGER PRIMARY KEY AUTOINCREMENT")

	execSQL(t, path, `DROP TABLE revocations`, `CREATE TABLE revocations (id INTEGER PRIMARY KEY AUTOINCREMENT, "Exp" INTEGER)`)
	require.Equal(t, `the column "Exp" of sqlite:`+path+` cannot be used: the reserved column is written in lower case: "exp"`, fails())

	require.NoError(t, os.WriteFile(path, []byte("this is no database, whatever its name may be"), 0o600))
	require.Contains(t, fails(), "file is not a database")
	s = Open(filepath.Dir(path), Options{})
	require.Contains(t, fails(), "is a directory")
}

// A query has columns of its own types. Bad rows are skipped or end the reading as anywhere.
func TestQuery(t *testing.T) {
	path := temp(t, "a b?c#d%20.db") // all that a URI would take for something else
	execSQL(t, path, `CREATE TABLE sessions (n INTEGER, at TIMESTAMP, x)`,
		`INSERT INTO sessions VALUES (7, '2026-10-29 13:02:16', 1.5), (8, 1793278936, 'text'), (9, 1793278936, CAST('blob' AS BLOB)), (10, NULL, 3.0)`)
	read := func(query string) ([]source.Row, source.Result, error) {
		return sourcetest.Read(t, Open(path, Options{Query: query, SkipBadRows: true}), source.Cursor(`{"id":3}`))
	}
	rows, result, err := read(`SELECT n AS session, at AS exp, x AS tenant, 'T' AS reinstate, 1793278936 AS revoked_at FROM sessions ORDER BY n`)
	require.NoError(t, err)
	require.True(t, result.Full)
	require.Equal(t, []source.Row{
		{Names: []string{"session", "tenant"}, Values: []string{"8", "text"}, Exp: 1793278936, Before: source.None, Moment: 1793278936_000, Reinstate: true, Line: 2},
		{Names: []string{"session", "tenant"}, Values: []string{"10", "3"}, Exp: source.None, Before: source.None, Moment: 1793278936_000, Reinstate: true, Line: 4},
	}, rows)
	require.Len(t, result.Skipped, 2)
	require.ErrorContains(t, result.Skipped[0], ` row 1, field "exp": it is text in a column declared DATE, DATETIME or TIMESTAMP, whose zone is unknown`)
	require.ErrorContains(t, result.Skipped[1], ` row 3, field "tenant": it is a BLOB (select CAST(… AS TEXT) under the same name); a claim is a string or an integer`)

	rows, _, err = read(`SELECT n AS sid, 1793278936.25 AS exp, unixepoch(at, 'subsec') AS before FROM sessions WHERE n = 7`)
	require.NoError(t, err)
	require.EqualValues(t, 1793278937, rows[0].Exp)
	require.EqualValues(t, 1793278936, rows[0].Before)

	_, result, err = read(`SELECT n AS sid, true AS reinstate FROM sessions`)
	require.NoError(t, err)
	require.ErrorContains(t, result.Skipped[3], `field "revoked_at": a reinstatement needs revoked_at`)

	for query, want := range map[string]string{
		`SELECT n AS sid, n AS sid FROM sessions`: `the column "sid" of sqlite:` + path + ` cannot be used: the row has this field twice`,
		`SELECT count(*) FROM sessions`:           `has one of the characters + * , in it`,
		`SELEC`:                                   "the query on sqlite:" + path + " failed: ",
		`DELETE FROM sessions RETURNING n AS sid`: "readonly",
	} {
		_, _, err = read(query)
		require.ErrorContains(t, err, want)
	}
	rows, _, err = read(`SELECT n AS sid FROM sessions WHERE false`)
	require.NoError(t, err)
	require.Empty(t, rows)
}

// A moment is a floating-point number of seconds in SQLite. It is read as the nearest millisecond:
// noise far below one must not become one.
func TestMomentsOfRealNumbers(t *testing.T) {
	for moment, want := range map[string]int64{
		"1790000000.123":          1790000000_123,
		"1790000000.123 + 2.4e-7": 1790000000_123,
		"1790000000.123 - 2.4e-7": 1790000000_123,
		"1790000000.0":            1790000000_000,
		"253402300798.999":        253402300798_999,
		"1790000000":              1790000000_000,
		"'1790000000.1231'":       1790000000_124, // text is exact, and rounded up
		"julianday('2026-10-29 13:02:16.007') * 86400 - 2440587.5 * 86400": 1793278936_007,
	} {
		path := temp(t, "a.db")
		execSQL(t, path, `CREATE TABLE t (x)`)
		rows, _, err := sourcetest.Read(t, Open(path, Options{Query: `SELECT 'a' AS jti, ` + moment + ` AS revoked_at`}), nil)
		require.NoError(t, err)
		require.Equal(t, want, rows[0].Moment, moment)
	}
}
