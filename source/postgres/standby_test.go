package postgres

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

func TestStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := withTable(t, primary)
	primary.Exec(t, database, insert1("a"))
	standby := primary.Standby(t)
	f := follow(t, standby.URL("postgres", database), Options{})
	f.step(true, "a")

	// A transaction that runs on the primary while others commit.
	late := begin(t, primary, database)
	run(t, late, insert1("late"))
	primary.Exec(t, database, insert1("b"))
	standby.CatchUp(t, primary)
	f.step(false, "b")
	run(t, late, `COMMIT`)
	standby.CatchUp(t, primary)
	f.step(false, "late", "b")
	f.step(false)

	// One list may be published from the primary now and from the standby then. Each change
	// between them is a full read.
	p := follow(t, primary.URL("postgres", database), Options{})
	p.cursor = f.cursor
	p.step(true, "a", "late", "b")
	standby.Pause(t)
	primary.Exec(t, database, insert1("c"))
	p.step(false, "c")
	f.warns(`is a standby, and its replay is paused \(pg_wal_replay_resume ends that\): the last commit that it shows is of 2`, false)
	ahead := f.cursor
	f.cursor = p.cursor
	all, result, err := readAll(t, f.source, f.cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "late", "b"}, jtis(all))
	require.True(t, result.Full)
	require.Len(t, result.Warnings, 2)
	require.Contains(t, result.Warnings[0], "its replay is paused")
	require.Regexp(t, `is older than at the last reading \(it is at .* of its write-ahead log, after .*\); all of it is read, and revocations committed since may be missing from it`, result.Warnings[1])
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	standby.CatchUp(t, primary)
	f.step(true, "a", "late", "b", "c")
	f.cursor = ahead
	f.step(false, "c")

	// A standby that was promoted is on a timeline of its own, and the old primary is behind it.
	standby.Promote(t)
	f.step(true, "a", "late", "b", "c")
	standby.Exec(t, database, insert1("d"))
	f.step(false, "d")
	primary.Exec(t, database, insert1("e"), insert1("f"))
	p.cursor = f.cursor
	p.warns(`is older than at the last reading \(it is on timeline 1, after timeline 2\)`, true, "a", "late", "b", "c", "e", "f")
	p.step(false)
	f.cursor = p.cursor
	f.step(true, "a", "late", "b", "c", "d")
}

// A server that lost the last commits in a failover gives their transaction ids again.
func TestFailoverThatLosesCommits(t *testing.T) {
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
	horizon := rows.DecodeCursor[tableCursor](f.cursor)
	primary.Close()
	require.NoError(t, standby.Up())
	standby.Promote(t)
	standby.Exec(t, database, insert1("b"))
	again := standby.Text(t, database, fmt.Sprintf(`SELECT txid < '%d' FROM revocations WHERE jti = 'b'`, horizon.Xmin))
	require.Equal(t, "t", again, "the failover lost nothing, so this shows nothing")
	f.source = open(t, standby.URL("postgres", database), Options{})
	f.step(true, "a", "b")
}

// A standby that stands still is as old as at the last reading, and no older. The one warning tells
// the operator, with no more than the reader's role may see.
func TestStandbyStandsStill(t *testing.T) {
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
	_, err := Record(t.Context(), standby.URL("postgres", database), source.Decision{Claims: map[string]string{"jti": "x"}})
	require.ErrorContains(t, err, "cannot record a decision in "+standby.URL("postgres", database)+": ")
	require.ErrorContains(t, err, "a standby takes no rows, its primary does")

	still := func(why string, want ...string) {
		t.Helper()
		f.warns(`^postgres://r@.* is a standby, and `+why, false, want...)
		query.warns(`^postgres://r@.* is a standby, and `+why, true)
	}
	standby.Pause(t)
	still(`its replay is paused \(pg_wal_replay_resume ends that\): later commits are missing$`)
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
	}, timeout, poll)
	still(`its replay is far behind what it receives: the last commit that it shows is of \d{4}-\d\d-\d\dT[0-9:]*Z$`, "b")
	standby.Exec(t, database, `ALTER SYSTEM RESET recovery_min_apply_delay`, `SELECT pg_reload_conf()`)
	standby.CatchUp(t, primary)
	f.step(false, "c")
	query.step(true)

	primary.Close()
	require.Eventually(t, func() bool {
		return standby.Text(t, database, `SELECT count(*) FROM pg_stat_wal_receiver`) == "0"
	}, timeout, poll)
	still(`it receives nothing, as it is not connected to its primary: the last commit that it shows is of`)
}

// A standby's clock goes on while its replay lags by more than the window. A row that it shows then
// was committed before its last reading, and is still visited.
func TestQueryOnStandby(t *testing.T) {
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
	f.step(true, "a")
	f.step(true, "a") // until it has replayed a commit, it is unknown which commits it shows
	time.Sleep(1100 * time.Millisecond)
	add("b")
	standby.CatchUp(t, primary)
	f.step(true, "a", "b")
	f.step(false, "b")
	time.Sleep(2 * time.Second)
	add("c")
	standby.CatchUp(t, primary)
	f.step(false, "b", "c")

	standby.Pause(t)
	add("late")
	time.Sleep(3 * time.Second)
	f.warns("its replay is paused", false, "c")
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	standby.CatchUp(t, primary)
	f.step(false, "c", "late")
}

// A logical replica stamps the rows with its own transactions, and checks none: its primary did.
func TestLogicalReplica(t *testing.T) {
	t.Parallel()
	primary, replica := pgtest.Start(t, "wal_level=logical"), pgtest.Start(t)
	database := withTable(t, primary)
	copied := withTable(t, replica)
	primary.Exec(t, database, insert1("a"), `CREATE PUBLICATION p FOR TABLE revocations`)
	replica.Exec(t, copied, `CREATE SUBSCRIPTION s CONNECTION '`+primary.URL("postgres", database)+`' PUBLICATION p`)
	arrives := func(jti string) {
		t.Helper()
		require.Eventually(t, func() bool {
			return replica.Text(t, copied, `SELECT count(*) FROM revocations WHERE jti = '`+jti+`'`) == "1"
		}, timeout, poll)
	}
	arrives("a")
	f := follow(t, replica.URL("postgres", copied), Options{})
	f.step(true, "a")
	primary.Exec(t, database, insert1("b"), insert1("c"))
	arrives("c")
	f.step(false, "b", "c")
	f.step(false)

	// It takes over, with ids that go on.
	primary.Close()
	replica.Exec(t, copied, `ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s`, Schema, insert1("d"))
	require.EqualValues(t, 4, f.step(false, "d")[0].Line)
}
