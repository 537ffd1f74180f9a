package source

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

// Why cursors do not simply keep a snapshot: one of a standby does not say which
// transactions are running.
func TestPostgresStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := withTable(t, primary)
	primary.Exec(t, database, insert1("a"))
	standby := primary.Standby(t)
	f := follow(t, standby.URL("postgres", database), Options{})
	f.step(true, "a")

	late := begin(t, primary, database)
	run(t, late, insert1("late"))
	primary.Exec(t, database, insert1("b"))
	standby.CatchUp(t, primary)
	running := primary.Text(t, database, `SELECT pg_current_snapshot()`)
	require.False(t, strings.HasSuffix(running, ":"), running)
	none := standby.Text(t, database, `SELECT pg_current_snapshot()`)
	require.True(t, strings.HasSuffix(none, ":"), "%s: a standby's snapshot is whole now, so cursors may be made as on a primary", none)
	f.step(false, "b")
	run(t, late, `COMMIT`)
	standby.CatchUp(t, primary)
	f.step(false, "late")

	// One list may be published from the primary now and from the standby then. Each
	// time everything is read, but never an older state.
	p := follow(t, primary.URL("postgres", database), Options{})
	p.cursor = f.cursor
	p.step(true, "a", "late", "b")
	standby.Pause(t)
	primary.Exec(t, database, insert1("c"))
	p.step(false, "c")
	f.warned = `is a standby, and its replay is paused \(pg_wal_replay_resume ends that\): the last that it shows was committed at 2`
	f.step(false) // it is where it was
	f.warned = ""
	ahead := f.cursor
	f.cursor = p.cursor
	_, _, err := readAll(t, f.source, f.cursor)
	require.ErrorIs(t, err, ErrOlderSource)
	require.ErrorContains(t, err, "let it catch up, or name the server that is ahead")
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	standby.CatchUp(t, primary)
	f.step(true, "a", "late", "b", "c")
	f.cursor = ahead
	f.step(false, "c")

	// A standby that was promoted is on a timeline of its own; the old primary must not come back.
	standby.Promote(t)
	f.step(true, "a", "late", "b", "c")
	standby.Exec(t, database, insert1("d"))
	f.step(false, "d")
	primary.Exec(t, database, insert1("e"), insert1("f"))
	p.cursor = f.cursor
	_, _, err = readAll(t, p.source, p.cursor)
	require.ErrorIs(t, err, ErrOlderSource)
	require.ErrorContains(t, err, "is on timeline 1, and timeline 2 was read before, so it is not the server that was promoted")
}

// A server that lost the last commits in a failover gives their transaction ids again.
func TestPostgresFailoverBehind(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := withTable(t, primary)
	primary.Exec(t, database, insert1("a"))
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	standby.Stop(syscall.SIGINT)
	f := follow(t, primary.URL("postgres", database), Options{})
	primary.Exec(t, database, insert1("lost"), insert1("lost too"), insert1("and this"))
	f.step(true, "a", "lost", "lost too", "and this")
	horizon, ok := decodeCursor[pgCursor](f.cursor)
	require.True(t, ok)
	primary.Close()
	require.NoError(t, standby.Up())
	standby.Promote(t)
	standby.Exec(t, database, insert1("b"))
	again := standby.Text(t, database, fmt.Sprintf(`SELECT txid < '%d' FROM revocations WHERE jti = 'b'`, horizon.Xmin))
	require.Equal(t, "t", again, "the failover lost nothing, so this shows nothing")
	f.source = open(t, standby.URL("postgres", database), Options{})
	f.step(true, "a", "b")
}

// Transactions that do not fit into a cursor are visited again, but not those that do. So a
// reinstatement comes without the revocation that came after it.
func TestPostgresStandbyRevisits(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := withTable(t, primary)
	primary.Exec(t, database, insert1("a"))
	standby := primary.Standby(t)
	s := open(t, standby.URL("postgres", database), Options{}).(*postgresSource)
	s.room = 20
	var cursor Cursor
	read := func(want ...string) {
		t.Helper()
		standby.CatchUp(t, primary)
		got, _ := releases(t, s, &cursor)
		require.Equal(t, append([]string{}, want...), got)
	}
	read()
	long := begin(t, primary, database)
	run(t, long, `SELECT pg_current_xact_id()`)
	early := begin(t, primary, database)
	run(t, early, `SELECT pg_current_xact_id()`)
	for i := range 20 {
		primary.Exec(t, database, insert1(fmt.Sprint("j", i)), `SELECT pg_current_xact_id()`)
	}
	primary.Exec(t, database, `INSERT INTO revocations (jti, reinstate) VALUES ('alice', true)`)
	run(t, early, insert1("alice"), `COMMIT`)
	read("alice") // and is then revoked by the row of the transaction that began first
	decoded, ok := decodeCursor[pgCursor](cursor)
	require.True(t, ok)
	require.True(t, decoded.Cut)
	rows, result, err := readAll(t, s, cursor)
	require.NoError(t, err)
	require.False(t, result.Full)
	require.Equal(t, "alice", rows[len(rows)-1].Values[0])
	require.True(t, rows[len(rows)-1].Reinstate, "nothing is visited again, so this shows nothing")
	read()
	primary.Exec(t, database, `INSERT INTO revocations (jti, reinstate) VALUES ('bob', true)`)
	read("bob")
	restart(t, standby)
	read()
	run(t, long, `COMMIT`)
	read()
}

// A standby that does not get on is as old as at the last reading, and not a bit older. So who
// publishes from it is told, by what the reader's role may see.
func TestPostgresStandbyStandsStill(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := withTable(t, primary)
	primary.Exec(t, database, insert1("a"), `CREATE TABLE sessions (sid text)`, `CREATE ROLE r LOGIN IN ROLE revocations_reader`, `GRANT SELECT ON sessions TO r`)
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	f := follow(t, standby.URL("r", database), Options{})
	query := follow(t, standby.URL("r", database), Options{Query: `SELECT sid FROM sessions`})
	f.step(true, "a")
	query.step(true)
	_, err := Record(t.Context(), standby.URL("postgres", database), NewRow{Claims: map[string]string{"jti": "x"}})
	require.EqualError(t, err, "nothing can be taken as recorded in "+standby.URL("postgres", database)+": it is a standby, which takes no rows; name its primary")

	still := func(why string, want ...string) {
		t.Helper()
		f.warned = `^postgres://r@.* is a standby, and ` + why
		query.warned = f.warned
		f.step(false, want...)
		query.step(true)
	}
	standby.Pause(t)
	still(`its replay is paused \(pg_wal_replay_resume ends that\): what was committed meanwhile is missing$`)
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	primary.Exec(t, database, insert1("b"))
	standby.CatchUp(t, primary)

	// Replay that is late on purpose, or too slow, and a commit behind which the rest waits.
	standby.Exec(t, database, `ALTER SYSTEM SET recovery_min_apply_delay = '1h'`, `SELECT pg_reload_conf()`)
	time.Sleep(time.Second)
	primary.Exec(t, database, insert1("c"), `SELECT pg_logical_emit_message(false, '', repeat('x', 1 << 20)) FROM generate_series(1, 70)`)
	flushed := primary.Text(t, database, `SELECT pg_current_wal_flush_lsn()`)
	require.Eventually(t, func() bool {
		return standby.Text(t, database, `SELECT pg_last_wal_receive_lsn() >= '`+flushed+`'`) == "t"
	}, time.Minute, 10*time.Millisecond)
	still(`its replay is far behind what it receives: the last that it shows was committed at \d{4}-\d\d-\d\dT[0-9:]*Z$`, "b")
	standby.Exec(t, database, `ALTER SYSTEM RESET recovery_min_apply_delay`, `SELECT pg_reload_conf()`)
	standby.CatchUp(t, primary)
	f.warned, query.warned = "", ""
	f.step(false, "c")
	query.step(true)

	primary.Close()
	require.Eventually(t, func() bool {
		return standby.Text(t, database, `SELECT count(*) FROM pg_stat_wal_receiver`) == "0"
	}, time.Minute, 10*time.Millisecond)
	still(`it receives nothing, as it is not connected to its primary: the last that it shows was committed at`)
}

// A standby's clock goes on while its replay lags by more than the window. What it shows then
// was committed before its last reading, and is new all the same.
func TestPostgresQueryOnStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.Database(t)
	add := func(sid string) {
		t.Helper()
		primary.Exec(t, database, fmt.Sprintf(`INSERT INTO sessions VALUES ('%s')`, sid))
	}
	primary.Exec(t, database, `CREATE TABLE sessions (sid text, gone timestamptz DEFAULT clock_timestamp())`)
	add("a")
	standby := primary.Standby(t)
	f := follow(t, standby.URL("postgres", database), Options{Query: `SELECT sid FROM sessions WHERE gone >= @since ORDER BY gone`, Window: time.Second})
	f.step(true, "a", "a")
	f.step(true, "a", "a") // the window, and all: as long as it has replayed no commit, nobody knows what it shows
	time.Sleep(1100 * time.Millisecond)
	add("b")
	standby.CatchUp(t, primary)
	f.step(false, "a", "b")
	time.Sleep(2 * time.Second)
	add("c")
	standby.CatchUp(t, primary)
	f.step(false, "b", "c")

	standby.Pause(t)
	add("late")
	time.Sleep(3 * time.Second)
	f.warned = "its replay is paused"
	f.step(false, "c")
	f.warned = ""
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	standby.CatchUp(t, primary)
	f.step(false, "c", "late")
}
