package source

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
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

// postgres gives a database with the table revocations, on the server that all tests
// share that do it no harm.
func postgres(t *testing.T) (server *pgtest.Server, database string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = pgtest.Open(t)
	}
	return shared.server, withTable(t, shared.server)
}

func withTable(t *testing.T, server *pgtest.Server) string {
	t.Helper()
	database := server.Database(t)
	server.Exec(t, database, PostgresSchema, PostgresSchema) // a second time it does nothing
	return database
}

// A follower reads a source again and again, each time from where it was.
type follower struct {
	t      *testing.T
	source Source
	cursor Cursor
	warned string // what the one warning says, if there is to be one
}

func follow(t *testing.T, location string, opt Options) *follower {
	return &follower{t: t, source: open(t, location, opt)}
}

func (f *follower) step(full bool, want ...string) []Row {
	f.t.Helper()
	rows, result, err := readAll(f.t, f.source, f.cursor)
	require.NoError(f.t, err)
	require.Equal(f.t, append([]string{}, want...), jtis(rows))
	require.Equal(f.t, full, result.Full)
	if f.warned == "" {
		require.Empty(f.t, result.Warnings)
	} else {
		require.Len(f.t, result.Warnings, 1)
		require.Regexp(f.t, f.warned, result.Warnings[0])
	}
	f.cursor = result.Cursor
	return rows
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

func TestPostgresCursor(t *testing.T) {
	server, database := postgres(t)
	db := func(statements ...string) { t.Helper(); server.Exec(t, database, statements...) }
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true)
	db(insert1("a"), insert1("b"))
	f.step(true, "a", "b") // a table that was empty is read from the start
	f.step(false)
	db(insert1("c"))
	require.EqualValues(t, 3, f.step(false, "c")[0].Line)

	// A transaction that took its id first and ends last, after others and after a reading.
	late := begin(t, server, database)
	run(t, late, insert1("late"))
	db(insert1("d"), insert1("e"))
	f.step(false, "d", "e")
	f.step(false)
	db(insert1("f"))
	f.step(false, "f")
	run(t, late, `SAVEPOINT s`, insert1("undone"), `ROLLBACK TO s`, `SAVEPOINT s`, insert1("later"), `COMMIT`)
	f.step(false, "late", "later")
	f.step(false)

	// A prepared one, over which others come and go.
	db(`BEGIN; SET LOCAL revocast.notify = off; `+insert1("prepared")+`; PREPARE TRANSACTION 'p'`, insert1("g"))
	f.step(false, "g")
	db(`COMMIT PREPARED 'p'`)
	f.step(false, "prepared")

	// Housekeeping.
	db(`DELETE FROM revocations WHERE jti = 'b'`, `VACUUM FULL revocations`)
	f.step(false)
	db(`ALTER TABLE revocations ADD COLUMN device_id text`)
	f.step(false)
	db(`ALTER TABLE revocations ALTER COLUMN reason TYPE varchar(500)`) // writes the table anew
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
		`ALTER TABLE old RENAME CONSTRAINT revocations_txid_id_key TO old_key`, PostgresSchema, insert1("n"))
	f.step(true, "n")
}

// What a cursor says of the server and the table decides whether the next reading goes on.
func TestPostgresCursorOfAnother(t *testing.T) {
	server, database := postgres(t)
	server.Exec(t, database, insert1("a"), insert1("b"))
	s := open(t, server.URL("postgres", database), Options{})
	_, result, err := readAll(t, s, nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(*pgCursor)
		older  string
		full   bool
	}{
		"the same":           {func(*pgCursor) {}, "", false},
		"cluster":            {func(c *pgCursor) { c.System += "1"; c.WAL += 1 << 40; c.Timeline++ }, "", true},
		"database":           {func(c *pgCursor) { c.Database += "1" }, "", true},
		"table":              {func(c *pgCursor) { c.Table += "1" }, "", true},
		"start":              {func(c *pgCursor) { c.Life += "1" }, "", true},
		"standby":            {func(c *pgCursor) { c.Standby = true }, "", true},
		"older timeline":     {func(c *pgCursor) { c.Timeline--; c.WAL += 1 << 40 }, "", true},
		"newer timeline":     {func(c *pgCursor) { c.Timeline++ }, "is on timeline 1, and timeline 2 was read before", false},
		"farther":            {func(c *pgCursor) { c.WAL += 1 << 40 }, "of its write-ahead log, and had been read at 100/", false},
		"farther, restarted": {func(c *pgCursor) { c.WAL += 1 << 40; c.Life += "1" }, "let it catch up, or name the server that is ahead", false},
		"later":              {func(c *pgCursor) { c.Xmin += 1000 }, "if its machine was put back to an earlier state, publish it under another --source-name", false},
		"row":                {func(c *pgCursor) { c.Row = "1" }, "", true},
		"row that is gone":   {func(c *pgCursor) { c.ID = 1000 }, "", true},
		"empty table":        {func(c *pgCursor) { c.ID, c.Row = 0, "" }, "", true},
		"broken":             {func(c *pgCursor) { c.Seen = "?" }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			cursor, ok := decodeCursor[pgCursor](result.Cursor)
			require.True(t, ok)
			c.change(cursor)
			since, err := encodeCursor(cursor)
			require.NoError(t, err)
			rows, result, err := readAll(t, s, since)
			if c.older != "" {
				require.ErrorIs(t, err, ErrOlderSource)
				require.ErrorContains(t, err, c.older)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.full, result.Full)
			require.Equal(t, c.full, len(rows) == 2)
		})
	}
	for _, foreign := range []string{`{"id":5,"row":"x"}`, `{"rows":2}`, `{"size":1,"sha256":"x"}`, `null`, `[]`, `{`, `{"xmin":-1}`} {
		rows, _, err := readAll(t, s, Cursor(foreign))
		require.NoError(t, err)
		require.Len(t, rows, 2)
	}
}

// A list may know the same database by other names, such as the addresses of other servers. What it
// read by these comes again, and what is behind them is older.
func TestPostgresCursorsOfOtherNames(t *testing.T) {
	server, database := postgres(t)
	f := follow(t, server.URL("postgres", database), Options{})
	server.Exec(t, database, insert1("a"))
	f.step(true, "a")
	own := f.cursor
	server.Exec(t, database, insert1("b"))
	f.step(false, "b")
	cursor, ok := decodeCursor[pgCursor](f.cursor)
	require.True(t, ok)
	server.Exec(t, database, insert1("c"))
	const known, unknown, older = "b", "", "older"
	for name, c := range map[string]struct {
		change func(*pgCursor)
		want   string
	}{
		"the same":       {func(*pgCursor) {}, known},
		"standby":        {func(c *pgCursor) { c.Standby, c.Life = true, "1" }, known},
		"cluster":        {func(c *pgCursor) { c.System += "1"; c.Timeline++ }, unknown},
		"database":       {func(c *pgCursor) { c.Database += "1"; c.Timeline++ }, unknown},
		"table":          {func(c *pgCursor) { c.Table += "1" }, unknown},
		"row":            {func(c *pgCursor) { c.Row = "1" }, unknown},
		"later":          {func(c *pgCursor) { c.Xmin += 1000 }, known},
		"cut":            {func(c *pgCursor) { c.Xmin, c.Seen, c.Cut = 3, "", true }, known},
		"not cut":        {func(c *pgCursor) { c.Xmin, c.Seen = 3, "" }, unknown},
		"broken":         {func(c *pgCursor) { c.Seen = "?" }, unknown},
		"nothing":        {func(c *pgCursor) { *c = pgCursor{} }, unknown},
		"newer timeline": {func(c *pgCursor) { c.Timeline++ }, older},
		// A copy that was started by itself is let in by another name.
		"farther": {func(c *pgCursor) { c.WAL += 1 << 40 }, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			changed := *cursor
			c.change(&changed)
			other, err := encodeCursor(changed)
			require.NoError(t, err)
			cursors := map[string]Cursor{f.source.Name(): own, "other": other, "file": Cursor(`{"id":5,"row":"x"}`)}
			rows, again := []Row{}, ""
			_, err = Read(t.Context(), f.source, cursors, func(r *Row) error {
				if rows = append(rows, clone(r)); r.Again {
					again += r.Values[0]
				}
				return nil
			})
			if c.want == older {
				require.ErrorIs(t, err, ErrOlderSource)
				require.ErrorContains(t, err, "is on timeline 1, and timeline 2 was read before as other, so it is not the server that was promoted")
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"b", "c"}, jtis(rows))
			require.Equal(t, c.want, again)
		})
	}
}

// After a crash a server gives transaction ids anew that no committed transaction had: to go by
// them alone would skip the revocations of whoever gets them.
func TestPostgresCrash(t *testing.T) {
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
			horizon, ok := decodeCursor[pgCursor](f.cursor)
			require.True(t, ok)
			crash(t, server, database)
			server.Exec(t, database, insert1("b"))
			again := server.Text(t, database, fmt.Sprintf(`SELECT txid < '%d' FROM revocations WHERE jti = 'b'`, horizon.Xmin))
			require.Equal(t, "t", again, "the crash lost nothing, so this shows nothing")
			f.step(true, "a", "b")
			f.step(false)
		})
	}
}
