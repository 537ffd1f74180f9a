package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

func TestQuery(t *testing.T) {
	server, database := start(t)
	address := server.URL("postgres", database)
	db := func(statements ...string) { t.Helper(); server.Exec(t, database, statements...) }
	db(`CREATE TABLE sessions (sid text, gone timestamptz)`)
	add := func(sid, ago string) {
		t.Helper()
		db(fmt.Sprintf(`INSERT INTO sessions VALUES ('%s', now() - interval '%s')`, sid, ago))
	}
	const text = `SELECT sid FROM sessions WHERE gone >= @since ORDER BY gone -- not '@since`
	f := follow(t, address, Options{Query: text, Window: 30 * time.Minute})
	add("a", "2 days")
	f.step(true, "a")
	f.step(false)
	add("b", "1 minute")
	f.step(false, "b")
	require.False(t, f.step(false, "b")[0].New) // it comes until the window has passed it
	add("late", "40 minutes")
	f.step(false, "b")
	wider := follow(t, address, Options{Query: text})
	wider.cursor = f.cursor
	wider.step(false, "late", "b")

	// A full read, when the time has come and when the query is another.
	soon := follow(t, address, Options{Query: text, FullEvery: time.Microsecond})
	soon.cursor = f.cursor
	soon.step(true, "a", "late", "b")
	other := follow(t, address, Options{Query: text + " "})
	other.cursor = f.cursor
	other.step(true, "a", "late", "b")

	// Without the placeholder it is the whole result every time.
	whole := follow(t, address, Options{Query: `SELECT sid FROM sessions WHERE sid <> '@since' ORDER BY sid`})
	whole.step(true, "a", "b", "late")
	whole.step(true, "a", "b", "late")

	for text, want := range map[string]string{
		`SELEC`:                                     `the query on ` + address + ` failed: ERROR: syntax error at or near "SELEC"`,
		`SELECT nothing FROM sessions`:              `column "nothing" does not exist`,
		`SELECT sid FROM session`:                   `relation "session" does not exist`,
		`SELECT sid, sid FROM sessions`:             `the column "sid" of ` + address + ` cannot be used: the row has this field twice`,
		`SELECT 1`:                                  `the column "?column?" of ` + address + ` cannot be used: the query gives its column no name`,
		`DELETE FROM sessions RETURNING sid`:        `cannot execute DELETE in a read-only transaction`,
		`SELECT sid FROM sessions; SELECT 1 AS x`:   `cannot insert multiple commands into a prepared statement`,
		`SELECT sid FROM sessions WHERE 1 > @since`: `operator does not exist: integer > timestamp with time zone`,
		`SELECT 'a' AS sid, true AS reinstate`:      address + ` row 1, field "revoked_at": a reinstatement needs revoked_at`,
	} {
		_, _, err := readAll(t, open(t, address, Options{Query: text}), nil)
		require.ErrorContains(t, err, want, text)
	}
	for want, opt := range map[string]Options{
		"the query has a placeholder that is not @since, and there are no others":                 {Query: `SELECT @until AS sid`},
		"a window and an interval of full reads are for a query that has the placeholder @since":  {Query: `SELECT 1 AS sid`, Window: time.Hour},
		"a window and an interval of full reads are for a query that has the placeholder @since ": {FullEvery: time.Hour},
		"the window and the interval of full reads must not be negative":                          {Query: text, Window: -1},
		"the window and the interval of full reads must not be negative ":                         {Query: text, FullEvery: -1},
	} {
		_, err := Open(address, opt)
		require.ErrorContains(t, err, want[:len(want)-1])
	}
}

// The plan of a query depends on its cursor, the state of the server and the clock alone.
func TestQueryPlan(t *testing.T) {
	const minute = int64(60_000_000)
	here := server{System: "7", Database: "5", Timeline: 2, WAL: 100, Life: "1/1"}
	for name, c := range map[string]struct {
		change func(c *queryCursor, s *queryState)
		from   int64
		full   bool
		behind string
	}{
		"a minute later":                      {func(*queryCursor, *queryState) {}, 1000*minute - 60*minute, false, ""},
		"the clock went back":                 {func(_ *queryCursor, s *queryState) { s.now, s.shown = 950*minute, 950*minute }, 950*minute - 60*minute, false, ""},
		"set back before the full read":       {func(_ *queryCursor, s *queryState) { s.now = 899 * minute }, 0, true, ""},
		"a lagging standby":                   {func(_ *queryCursor, s *queryState) { s.shown = 990 * minute }, 990*minute - 60*minute, false, ""},
		"a standby of which nothing is known": {func(_ *queryCursor, s *queryState) { s.shown = 0 }, 0, true, ""},
		"the time has come":                   {func(_ *queryCursor, s *queryState) { s.now = 900*minute + 24*60*minute }, 0, true, ""},
		"another query":                       {func(c *queryCursor, _ *queryState) { c.Query = "other" }, 0, true, ""},
		"no placeholder":                      {func(_ *queryCursor, s *queryState) { s.query.since = false }, 0, true, ""},
		"restarted":                           {func(_ *queryCursor, s *queryState) { s.Life = "2/1" }, 0, true, ""},
		"behind":                              {func(_ *queryCursor, s *queryState) { s.WAL = 99 }, 0, true, "it is at 0/63 of its write-ahead log, after 0/64"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := newQuery(Options{Query: `SELECT sid FROM sessions WHERE gone >= @since`})
			require.NoError(t, err)
			cursor := &queryCursor{server: here, Query: q.sum, At: 1000 * minute, Full: 900 * minute}
			now := queryState{server: here, query: q, now: 1001 * minute, shown: 1001 * minute}
			c.change(cursor, &now)
			from, full, behind := cursor.plan(now)
			require.Equal(t, c.from, from)
			require.Equal(t, c.full, full)
			require.Equal(t, c.behind, behind)
		})
	}
}

// An older server is read in full, with a warning, by a query too.
func TestQueryOfServerBehind(t *testing.T) {
	server, database := start(t)
	for _, text := range []string{`SELECT 'a' AS sid WHERE @since < now()`, `SELECT 'a' AS sid`} {
		f := follow(t, server.URL("postgres", database), Options{Query: text})
		f.step(true, "a")
		f.cursor = farther(t, f.cursor)
		f.warns("is older than at the last reading", true, "a")
	}
}

// Columns that are no timestamptz are compared as docs/OPERATIONS.md says, on a server that is not
// at Greenwich.
func TestQueryOfOtherTypes(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, `ALTER DATABASE `+database+` SET TimeZone = 'Asia/Tokyo'`, `CREATE TABLE sessions (sid text, ended timestamp, at bigint)`)
	for _, where := range []string{`ended AT TIME ZONE 'UTC' >= @since`, `at >= floor(extract(epoch FROM greatest(@since, 'epoch')))::bigint`} {
		server.Exec(t, database, `TRUNCATE sessions`)
		add := func(sid, ago string) {
			t.Helper()
			server.Exec(t, database, fmt.Sprintf(`INSERT INTO sessions SELECT '%s', t AT TIME ZONE 'UTC', extract(epoch FROM t) FROM (SELECT now() - interval '%s' AS t) AS a`, sid, ago))
		}
		add("a", "2 days")
		f := follow(t, server.URL("postgres", database), Options{Query: `SELECT sid FROM sessions WHERE ` + where + ` ORDER BY ended`})
		f.step(true, "a")
		add("b", "50 minutes")
		add("c", "70 minutes")
		f.step(false, "b")
	}
}

// A row whose transaction takes shorter than the window comes at once, whenever it commits.
func TestQueryCommitsLate(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, `CREATE TABLE sessions (sid text, gone timestamptz DEFAULT clock_timestamp())`)
	f := follow(t, server.URL("postgres", database), Options{Query: `SELECT sid FROM sessions WHERE gone >= @since ORDER BY gone`, Window: time.Minute})
	f.step(true)
	late := begin(t, server, database)
	run(t, late, `INSERT INTO sessions VALUES ('late')`)
	server.Exec(t, database, `INSERT INTO sessions VALUES ('a')`)
	f.step(false, "a")
	run(t, late, `COMMIT`)
	f.step(false, "late", "a")
}

// farther returns a cursor of a server that was farther.
func farther(t *testing.T, c source.Cursor) source.Cursor {
	t.Helper()
	cursor := decode[queryCursor](t, c)
	cursor.WAL += 1 << 40
	return encode(t, cursor)
}
