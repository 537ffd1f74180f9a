package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

var shared struct {
	sync.Mutex
	server *pgtest.Server
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		shared.server.Close()
	}
	os.Exit(code)
}

// start returns a database with the table revocations, on the server that all tests share that do
// it no harm.
func start(t testing.TB) (server *pgtest.Server, database string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = pgtest.Open(t)
	}
	return shared.server, withTable(t, shared.server)
}

func withTable(t testing.TB, server *pgtest.Server) string {
	t.Helper()
	database := server.Database(t)
	server.Exec(t, database, Schema, Schema) // a second time it changes nothing
	return database
}

func open(t testing.TB, url string, opt Options) source.Source {
	t.Helper()
	s, err := Open(url, opt)
	require.NoError(t, err)
	return s
}

// readAll reads a source and keeps its rows.
func readAll(t testing.TB, s source.Source, since source.Cursor) ([]source.Row, source.Result, error) {
	t.Helper()
	var all []source.Row
	result, err := s.Read(context.Background(), since, func(r *source.Row) error {
		require.Len(t, r.Values, len(r.Names))
		require.True(t, slices.IsSorted(r.Names))
		c := *r
		c.Names, c.Values = slices.Clone(r.Names), slices.Clone(r.Values)
		if len(c.Names) == 0 {
			c.Names, c.Values = nil, nil
		}
		all = append(all, c)
		return nil
	})
	if err == nil {
		require.EqualValues(t, len(all), result.Rows)
		require.LessOrEqual(t, len(result.Cursor), source.MaxCursor)
	}
	return all, result, err
}

// jtis returns the first claims of rows.
func jtis(all []source.Row) []string {
	out := []string{}
	for _, r := range all {
		out = append(out, r.Values[0])
	}
	return out
}

// A follower reads a source again and again, each time from where it was.
type follower struct {
	t      *testing.T
	source source.Source
	cursor source.Cursor
	warned string // what the one warning says, if there must be one
}

func follow(t *testing.T, url string, opt Options) *follower {
	return &follower{t: t, source: open(t, url, opt)}
}

func (f *follower) step(full bool, want ...string) []source.Row {
	f.t.Helper()
	all, result, err := readAll(f.t, f.source, f.cursor)
	require.NoError(f.t, err)
	require.Equal(f.t, append([]string{}, want...), jtis(all))
	require.Equal(f.t, full, result.Full)
	if f.warned == "" {
		require.Empty(f.t, result.Warnings)
	} else {
		require.Len(f.t, result.Warnings, 1)
		require.Regexp(f.t, f.warned, result.Warnings[0])
	}
	f.cursor = result.Cursor
	return all
}

// warns is step with a warning.
func (f *follower) warns(warning string, full bool, want ...string) {
	f.t.Helper()
	f.warned = warning
	f.step(full, want...)
	f.warned = ""
}

func insert1(jti string) string {
	return fmt.Sprintf(`INSERT INTO revocations (jti) VALUES ('%s')`, jti)
}

func begin(t *testing.T, server *pgtest.Server, database string) *pgx.Conn {
	conn := server.Connect(t, database)
	run(t, conn, `BEGIN`)
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := conn.PgConn().Exec(context.Background(), s).ReadAll()
		require.NoError(t, err, s)
	}
}

func TestTableFromCursorToCursor(t *testing.T) {
	server, database := start(t)
	db := func(statements ...string) { t.Helper(); server.Exec(t, database, statements...) }
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true)
	db(insert1("a"), insert1("b"))
	all := f.step(true, "a", "b") // a table that was empty is read from its start
	require.False(t, all[1].New)
	f.step(false)
	db(insert1("c"))
	all = f.step(false, "c")
	require.EqualValues(t, 3, all[0].Line)
	require.True(t, all[0].New)

	// A transaction that took its id first ends last, after others and after a reading. As long as
	// it is open, all that came after it is visited again, and is not new again.
	late := begin(t, server, database)
	run(t, late, insert1("late"))
	db(insert1("d"), insert1("e"))
	f.step(false, "d", "e")
	db(insert1("f"))
	all = f.step(false, "d", "e", "f")
	require.Equal(t, []bool{false, false, true}, []bool{all[0].New, all[1].New, all[2].New})
	run(t, late, `SAVEPOINT s`, insert1("undone"), `ROLLBACK TO s`, `SAVEPOINT s`, insert1("later"), `COMMIT`)
	all = f.step(false, "late", "d", "e", "f", "later")
	require.False(t, all[0].New, "its id is below others that were read")
	require.True(t, all[4].New)
	f.step(false)

	// A prepared transaction, while others come and go.
	db(`BEGIN; SET LOCAL revocast.notify = off; `+insert1("prepared")+`; PREPARE TRANSACTION 'p'`, insert1("g"))
	f.step(false, "g")
	db(`COMMIT PREPARED 'p'`)
	f.step(false, "prepared", "g")
	f.step(false)

	// Housekeeping.
	db(`DELETE FROM revocations WHERE jti = 'b'`, `VACUUM FULL revocations`)
	f.step(false)
	db(`ALTER TABLE revocations ADD COLUMN device_id text`)
	f.step(false)
	db(`ALTER TABLE revocations ALTER COLUMN reason TYPE varchar(500)`) // rewrites the table
	f.step(false)
	db(`DELETE FROM revocations WHERE jti = 'g'`)
	f.step(true, "a", "c", "late", "d", "e", "f", "later", "prepared") // in order of their ids
	db(`TRUNCATE revocations RESTART IDENTITY`, insert1("x"))
	f.step(true, "x")
	db(`TRUNCATE revocations RESTART IDENTITY`, insert1("y"), insert1("z"))
	f.step(true, "y", "z")
	db(`TRUNCATE revocations`)
	f.step(true)
	f.step(true)

	// Another table under the name.
	db(insert1("y"))
	f.step(true, "y")
	db(`ALTER TABLE revocations RENAME TO old`, `ALTER TABLE old RENAME CONSTRAINT revocations_pkey TO old_pkey`,
		`ALTER TABLE old RENAME CONSTRAINT revocations_txid_id_key TO old_key`, Schema, insert1("n"))
	f.step(true, "n")
}

// A reading that waits for an ALTER TABLE sees the rewritten table.
func TestTableIsRewrittenMeanwhile(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, insert1("a"), insert1("b"))
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true, "a", "b")
	alter := begin(t, server, database)
	run(t, alter, `ALTER TABLE revocations ALTER COLUMN reason TYPE varchar(500)`, insert1("c"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.step(false, "c")
	}()
	require.Eventually(t, func() bool {
		return server.Text(t, database, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == "1"
	}, timeout, poll)
	run(t, alter, `COMMIT`)
	<-done
}

// The plan of a reading depends on the cursor and the state of the server and the table alone.
func TestPlan(t *testing.T) {
	here := server{System: "7", Database: "5", Timeline: 2, WAL: 1 << 32, Life: "1/1"}
	cursor := tableCursor{server: here, Table: "16384", Xmin: 700, ID: 10, Row: "hash"}
	for name, c := range map[string]struct {
		change func(c *tableCursor, now *tableState)
		goesOn bool
		behind string
	}{
		"the same":              {func(*tableCursor, *tableState) {}, true, ""},
		"farther":               {func(_ *tableCursor, now *tableState) { now.WAL, now.xmin = 1<<33, 800 }, true, ""},
		"another cluster":       {func(_ *tableCursor, now *tableState) { now.System, now.WAL, now.Timeline = "8", 0, 1 }, false, ""},
		"another database":      {func(_ *tableCursor, now *tableState) { now.Database, now.WAL, now.Timeline = "6", 0, 1 }, false, ""},
		"another table":         {func(_ *tableCursor, now *tableState) { now.table = "16385" }, false, ""},
		"restarted or crashed":  {func(_ *tableCursor, now *tableState) { now.Life = "2/1" }, false, ""},
		"its standby":           {func(_ *tableCursor, now *tableState) { now.Standby, now.Life = true, "2/1" }, false, ""},
		"promoted":              {func(_ *tableCursor, now *tableState) { now.Timeline = 3 }, false, ""},
		"promoted after a loss": {func(_ *tableCursor, now *tableState) { now.Timeline, now.WAL, now.xmin = 3, 1, 600 }, false, ""},
		"the old primary":       {func(_ *tableCursor, now *tableState) { now.Timeline, now.WAL = 1, 1<<33 }, false, "timeline 1, after timeline 2"},
		"a standby whose timeline is told late": {func(c *tableCursor, now *tableState) {
			c.Standby, now.Standby, now.Timeline = true, true, 1
		}, true, ""},
		"a standby that lags":  {func(_ *tableCursor, now *tableState) { now.Standby, now.WAL = true, 5 }, false, "at 0/5 of its write-ahead log, after 1/0"},
		"an older copy":        {func(_ *tableCursor, now *tableState) { now.WAL, now.Life = 5, "2/1" }, false, "at 0/5"},
		"put back with memory": {func(_ *tableCursor, now *tableState) { now.xmin = 699 }, false, "all transactions below 699 have ended, after all below 700"},
		"the row is gone":      {func(_ *tableCursor, now *tableState) { now.last = "" }, false, ""},
		"the row is another":   {func(_ *tableCursor, now *tableState) { now.last = "other" }, false, ""},
		"the table was empty":  {func(c *tableCursor, now *tableState) { c.ID, c.Row, now.last = 0, "", "" }, false, ""},
		"restored from a dump": {func(_ *tableCursor, now *tableState) { now.foreign = true }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			since, now := cursor, tableState{server: here, table: "16384", xmin: 700, xmax: 710, last: "hash"}
			c.change(&since, &now)
			goesOn, behind := since.plan(now)
			require.Equal(t, c.goesOn, goesOn)
			require.Contains(t, behind, c.behind)
			require.Equal(t, c.behind == "", behind == "")
		})
	}
	goesOn, behind := (*tableCursor)(nil).plan(tableState{})
	require.False(t, goesOn)
	require.Empty(t, behind)
}

// The plan is carried out: full reads visit everything, and an older server is named in a warning.
func TestTableCursorOfAnother(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, insert1("a"), insert1("b"))
	address := server.URL("postgres", database)
	f := follow(t, address, Options{})
	f.step(true, "a", "b")
	own := f.cursor
	for name, c := range map[string]struct {
		change func(*tableCursor)
		behind string
	}{
		"start":          {func(c *tableCursor) { c.Life += "1" }, ""},
		"row":            {func(c *tableCursor) { c.Row = "1" }, ""},
		"row gone":       {func(c *tableCursor) { c.ID = 1000 }, ""},
		"newer timeline": {func(c *tableCursor) { c.Timeline++ }, "it is on timeline 1, after timeline 2"},
		"farther":        {func(c *tableCursor) { c.WAL += 1 << 40 }, "of its write-ahead log, after 100/"},
		"later":          {func(c *tableCursor) { c.Xmin += 1000 }, "have ended, after all below"},
	} {
		t.Run(name, func(t *testing.T) {
			cursor := rows.DecodeCursor[tableCursor](own)
			require.NotNil(t, cursor)
			c.change(cursor)
			f := follow(t, address, Options{})
			f.cursor = encode(t, cursor)
			if c.behind != "" {
				f.warned = `^` + address + ` is older than at the last reading \(.*` + c.behind + `.*\); all of it is read, and revocations committed since may be missing from it$`
			}
			f.step(true, "a", "b")
			f.warned = ""
			f.step(false)
		})
	}
	for _, foreign := range []string{`{"id":5,"row":"x","file":1}`, `{"rows":2}`, `{"size":1,"sha256":"x"}`, `null`, `[]`, `{`, `{"xmin":-1}`} {
		f.cursor = source.Cursor(foreign)
		f.step(true, "a", "b")
	}
}

// After a crash a server gives transaction ids again that no committed transaction had. To go by
// them alone would miss the revocations of the next transactions.
func TestCrash(t *testing.T) {
	for name, crash := range map[string]func(*testing.T, *pgtest.Server, string){
		"server": func(t *testing.T, s *pgtest.Server, _ string) {
			s.Stop(syscall.SIGQUIT)
			require.NoError(t, s.Up())
		},
		"process": func(t *testing.T, s *pgtest.Server, database string) { s.KillBackend(t, database) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t, "wal_writer_delay=10s")
			database := withTable(t, server)
			server.Exec(t, database, insert1("a"))
			f := follow(t, server.URL("postgres", database), Options{})
			f.step(true, "a")
			server.Exec(t, database, `CHECKPOINT`)
			for range 5 {
				server.Exec(t, database, `BEGIN; SELECT pg_current_xact_id(); ROLLBACK`)
			}
			f.step(false)
			horizon := rows.DecodeCursor[tableCursor](f.cursor)
			crash(t, server, database)
			server.Exec(t, database, insert1("b"))
			again := server.Text(t, database, fmt.Sprintf(`SELECT txid < '%d' FROM revocations WHERE jti = 'b'`, horizon.Xmin))
			require.Equal(t, "t", again, "the crash lost nothing, so this shows nothing")
			f.step(true, "a", "b")
			f.step(false)
		})
	}
}

// Two sources of one database, such as two addresses, have cursors of their own.
func TestTwoAddresses(t *testing.T) {
	server, database := start(t)
	one := follow(t, server.URL("postgres", database), Options{})
	other := follow(t, server.URL("postgres", database)+"?application_name=other", Options{})
	require.NotEqual(t, one.source.String(), other.source.String())
	server.Exec(t, database, insert1("a"))
	one.step(true, "a")
	server.Exec(t, database, insert1("b"))
	other.step(true, "a", "b")
	one.step(false, "b")
	one.cursor, other.cursor = other.cursor, one.cursor
	server.Exec(t, database, insert1("c"))
	one.step(false, "c")
	other.step(false, "c")
}

const (
	timeout = time.Minute
	poll    = 10 * time.Millisecond
)

// encode returns a cursor.
func encode(t testing.TB, cursor any) source.Cursor {
	t.Helper()
	c, err := json.Marshal(cursor)
	require.NoError(t, err)
	return c
}

// decode returns what a cursor holds.
func decode[T any](t testing.TB, c source.Cursor) *T {
	t.Helper()
	cursor := rows.DecodeCursor[T](c)
	require.NotNil(t, cursor)
	return cursor
}
