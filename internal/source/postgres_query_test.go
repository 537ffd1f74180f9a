package source

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

func TestPostgresQuery(t *testing.T) {
	server, database := postgres(t)
	address := server.URL("postgres", database)
	db := func(statements ...string) { t.Helper(); server.Exec(t, database, statements...) }
	db(`CREATE TABLE sessions (sid text, gone timestamptz)`)
	add := func(sid, ago string) {
		t.Helper()
		db(fmt.Sprintf(`INSERT INTO sessions VALUES ('%s', now() - interval '%s')`, sid, ago))
	}
	const query = `SELECT sid FROM sessions WHERE gone >= @since ORDER BY gone -- not '@since`
	f := follow(t, address, Options{Query: query, Window: 30 * time.Minute})
	add("a", "2 days")
	f.step(true, "a")
	f.step(false)
	add("b", "1 minute")
	f.step(false, "b")
	f.step(false, "b") // until the window has passed it
	add("late", "40 minutes")
	f.step(false, "b")
	wider := follow(t, address, Options{Query: query})
	wider.cursor = f.cursor
	wider.step(false, "late", "b")

	// Everything, when the time has come, the query is another, or the server was another. If the
	// query is the same the window follows, in which it can be told what is new.
	soon := follow(t, address, Options{Query: query, FullEvery: time.Microsecond})
	soon.cursor = f.cursor
	soon.step(true, "a", "late", "b", "late", "b")
	other := follow(t, address, Options{Query: query + " "})
	other.cursor = f.cursor
	other.step(true, "a", "late", "b", "late", "b")
	cursor, ok := decodeCursor[pgQueryCursor](f.cursor)
	require.True(t, ok)
	change := func(with func(c *pgQueryCursor)) Cursor {
		changed := *cursor
		with(&changed)
		c, err := encodeCursor(changed)
		require.NoError(t, err)
		return c
	}
	f.cursor = change(func(c *pgQueryCursor) { c.Life = "another" })
	f.step(true, "a", "late", "b", "b")
	f.cursor = change(func(c *pgQueryCursor) { c.Full = time.Now().Add(time.Hour).UnixMicro() })
	f.step(true, "a", "late", "b", "b")
	// A clock that was ahead and was set back.
	f.cursor = change(func(c *pgQueryCursor) { c.At = time.Now().Add(3 * time.Hour).UnixMicro() })
	f.step(false, "b")
	f.cursor = change(func(c *pgQueryCursor) { c.WAL += 1 << 40 })
	_, _, err := readAll(t, f.source, f.cursor)
	require.ErrorIs(t, err, ErrOlderSource)

	// Without the placeholder it is the whole result, every time.
	whole := follow(t, address, Options{Query: `SELECT sid FROM sessions WHERE sid <> '@since' ORDER BY sid`})
	whole.step(true, "a", "b", "late")
	whole.step(true, "a", "b", "late")
	whole.cursor = change(func(c *pgQueryCursor) { c.WAL += 1 << 40 })
	_, _, err = readAll(t, whole.source, whole.cursor)
	require.ErrorIs(t, err, ErrOlderSource)

	for query, want := range map[string]string{
		`SELEC`:                                     `the query on ` + address + ` failed: ERROR: syntax error at or near "SELEC"`,
		`SELECT nothing FROM sessions`:              `column "nothing" does not exist`,
		`SELECT sid FROM session`:                   `relation "session" does not exist`,
		`SELECT sid, sid FROM sessions`:             `the column "sid" of ` + address + ` cannot be used: the row has this field twice`,
		`DELETE FROM sessions RETURNING sid`:        `cannot execute DELETE in a read-only transaction`,
		`SELECT sid FROM sessions; SELECT 1 AS x`:   `cannot insert multiple commands into a prepared statement`,
		`SELECT sid FROM sessions WHERE 1 > @since`: `operator does not exist: integer > timestamp with time zone`,
	} {
		_, _, err := readAll(t, open(t, address, Options{Query: query}), nil)
		require.ErrorContains(t, err, want, query)
	}
	for _, c := range []struct {
		location, want string
		opt            Options
	}{
		{address, "the query has a placeholder that is not @since, and there are no others", Options{Query: `SELECT @until AS sid`}},
		{address, "--window and --full-every are for a --query that has the placeholder @since", Options{Query: `SELECT 1 AS sid`, Window: time.Hour}},
		{address, "--window and --full-every are for a --query that has the placeholder @since", Options{FullEvery: time.Hour}},
		{"rows.csv", "--window and --full-every are for a --query with @since on PostgreSQL, and rows.csv is none", Options{FullEvery: time.Hour}},
		{"sqlite:a.db", "--window and --full-every are for a --query with @since on PostgreSQL, and sqlite:a.db is none", Options{Query: "SELECT 1", Window: time.Hour}},
	} {
		_, err := Open(c.location, c.opt)
		require.EqualError(t, err, c.want)
	}
}

// Columns that are no timestamptz, compared as docs/OPERATIONS.md has it, on a server that is
// not at Greenwich.
func TestPostgresQueryOfOtherTypes(t *testing.T) {
	server, database := postgres(t)
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
func TestPostgresQueryCommitsLate(t *testing.T) {
	server, database := postgres(t)
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

func TestPostgresWatch(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := withTable(t, server)
	wakes, warnings := make(chan struct{}, 100), make(chan string, 100)
	watcher, ok := open(t, server.URL("postgres", database), Options{}).(Watcher)
	require.True(t, ok)
	watch := func(w Watcher) {
		done := make(chan struct{})
		go func() {
			w.Watch(t.Context(), func() { wakes <- struct{}{} }, func(s string) { warnings <- s })
			close(done)
		}()
		t.Cleanup(func() { <-done })
	}
	watch(watcher)
	wake := func() {
		t.Helper()
		select {
		case <-wakes:
		case <-time.After(time.Minute):
			t.Fatal("nobody woke")
		}
	}
	wake() // it listens
	server.Exec(t, database, insert1("a"))
	wake()
	server.Exec(t, database, `INSERT INTO revocations (jti) SELECT 'b' || i FROM generate_series(1, 100) i`)
	wake()
	late := begin(t, server, database)
	run(t, late, insert1("c"), insert1("d"))
	require.Empty(t, wakes, "nothing is committed")
	run(t, late, `COMMIT`)
	wake()

	server.Exec(t, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'revocast publisher'`)
	wake()
	require.Contains(t, <-warnings, "new rows wake nobody until "+server.URL("postgres", database)+" can be listened to again, so they wait for the next interval: ")
	server.Exec(t, database, insert1("e"))
	wake()
	require.Empty(t, wakes)

	standby := server.Standby(t)
	watch(open(t, standby.URL("postgres", database), Options{}).(Watcher))
	require.Contains(t, <-warnings, "it is a standby, on which nobody can listen")
	require.Empty(t, wakes)
	require.Empty(t, warnings)
}
