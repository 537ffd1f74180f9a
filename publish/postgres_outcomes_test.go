package publish

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/postgres"
)

// A suspension is a list by which users are suspended, from databases and elsewhere. Its clock is
// that of the databases.
type suspension struct{ *bench }

func newSuspension(t *testing.T) *suspension {
	s := &suspension{newBench(t)}
	s.Now = func() time.Time { s.now = time.Now(); return s.now }
	return s
}

func (s *suspension) publish(server *pgtest.Server, database string) *Result {
	s.Helper()
	return s.publishQuery(server, database, "")
}

func (s *suspension) publishQuery(server *pgtest.Server, database, query string) *Result {
	s.Helper()
	src, err := postgres.Open(server.URL("postgres", database), postgres.Options{Query: query})
	require.NoError(s, err)
	r, err := s.runOn(src)
	require.NoError(s, err)
	return r
}

// byHand suspends a user from another source, now.
func (s *suspension) byHand(user string) {
	s.Helper()
	_, err := s.run("another team", say(user, time.Now().UnixMilli()))
	require.NoError(s, err)
}

func startServer(t *testing.T, settings ...string) *pgtest.Server {
	if testing.Short() {
		t.Skip("a server takes seconds")
	}
	t.Parallel()
	return pgtest.Start(t, settings...)
}

// Two rows of one millisecond would be decided at the same moment.
func suspend(user string) string {
	return `INSERT INTO revocations (sub) SELECT '` + user + `' FROM pg_sleep(0.005)`
}

func letIn(user string) string {
	return `INSERT INTO revocations (sub, reinstate) SELECT '` + user + `', true FROM pg_sleep(0.005)`
}

// A restart of the server brings all rows again. It lets nobody in: not alice, whom another team
// suspended since, and not bob, whose suspension was made after his reinstatement, in a transaction
// that had begun before it.
func TestPostgresRestartLetsNobodyIn(t *testing.T) {
	server := startServer(t)
	database := server.Database(t)
	server.Exec(t, database, postgres.Schema)
	s := newSuspension(t)
	server.Exec(t, database, suspend("alice"), letIn("alice"))
	s.publish(server, database)
	require.False(t, s.refuses("alice"))
	s.byHand("alice")
	require.True(t, s.refuses("alice"))

	late := server.Connect(t, database)
	_, err := late.Exec(t.Context(), `BEGIN`)
	require.NoError(t, err)
	server.Exec(t, database, letIn("bob"))
	s.publish(server, database)
	require.False(t, s.refuses("bob"))
	for _, statement := range []string{suspend("bob"), `COMMIT`} {
		_, err = late.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s.publish(server, database)
	require.True(t, s.refuses("bob"))

	server.Stop(syscall.SIGINT)
	require.NoError(t, server.Up())
	r := s.publish(server, database)
	require.True(t, r.Full)
	require.Zero(t, r.Changed+r.Released)
	require.True(t, s.refuses("alice"), "a restart let alice in")
	require.True(t, s.refuses("bob"), "a restart let bob in")
	server.Exec(t, database, letIn("alice"), letIn("bob"))
	s.publish(server, database)
	require.False(t, s.refuses("alice"))
	require.False(t, s.refuses("bob"))
}

// Alice was suspended, let back in, and suspended again. The standby that takes over lacks the last
// of it.
func TestPostgresFailoverLetsNobodyIn(t *testing.T) {
	primary := startServer(t)
	database := primary.Database(t)
	primary.Exec(t, database, postgres.Schema, suspend("alice"), letIn("alice"))
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	standby.Stop(syscall.SIGINT)
	s := newSuspension(t)
	s.SourceName = "auth"
	s.publish(primary, database)
	require.False(t, s.refuses("alice"))
	primary.Exec(t, database, suspend("alice"))
	s.publish(primary, database)
	primary.Close()
	require.NoError(t, standby.Up())
	standby.Promote(t)
	require.True(t, s.publish(standby, database).Full)
	require.True(t, s.refuses("alice"), "a row that is missing let alice in")
	standby.Exec(t, database, letIn("alice"))
	s.publish(standby, database)
	require.False(t, s.refuses("alice"))
}

// To a logical replica rows come, but not how far their ids are. When it takes over it gives low ids
// anew.
func TestPostgresLogicalReplicaTakesOver(t *testing.T) {
	old, young := startServer(t, "wal_level=logical"), pgtest.Start(t)
	from, to := old.Database(t), young.Database(t)
	old.Exec(t, from, postgres.Schema, `CREATE PUBLICATION p FOR TABLE revocations`)
	young.Exec(t, to, postgres.Schema, `CREATE SUBSCRIPTION s CONNECTION '`+old.URL("postgres", from)+`' PUBLICATION p`)
	old.Exec(t, from, suspend("past"), suspend("alice"), letIn("alice"), suspend("bob"))
	require.Eventually(t, func() bool { return young.Text(t, to, `SELECT count(*) FROM revocations`) == "4" }, time.Minute, 50*time.Millisecond)
	young.Exec(t, to, `ALTER SUBSCRIPTION s DISABLE`, `ALTER SUBSCRIPTION s SET (slot_name = NONE)`, `DROP SUBSCRIPTION s`,
		`DELETE FROM revocations WHERE sub = 'past'`)
	s := newSuspension(t)
	s.publish(young, to)
	require.False(t, s.refuses("alice"))
	require.True(t, s.refuses("bob"))
	young.Exec(t, to, suspend("alice"))
	s.publish(young, to)
	require.True(t, s.refuses("alice"))
	young.Stop(syscall.SIGINT)
	require.NoError(t, young.Up())
	s.publish(young, to)
	require.True(t, s.refuses("alice"), "a restart let alice in")
	young.Exec(t, to, postgres.Schema)
	young.Exec(t, to, letIn("alice"))
	s.publish(young, to)
	require.False(t, s.refuses("alice"))
}

// One list is published from the primary and from a standby. The standby is behind, so it shows an
// older state: alice stays suspended.
func TestPostgresByTwoAddresses(t *testing.T) {
	primary := startServer(t)
	database := primary.Database(t)
	primary.Exec(t, database, postgres.Schema, suspend("alice"))
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	s := newSuspension(t)
	s.publish(primary, database)
	s.publish(standby, database)

	primary.Exec(t, database, letIn("alice"))
	standby.CatchUp(t, primary)
	standby.Pause(t)
	primary.Exec(t, database, suspend("alice"))
	s.publish(primary, database)
	require.True(t, s.refuses("alice"))
	s.publish(standby, database)
	s.publishQuery(standby, database, `SELECT sub, reinstate, revoked_at FROM revocations ORDER BY id`)
	require.True(t, s.refuses("alice"), "a standby that is behind let alice in")

	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	primary.Exec(t, database, letIn("alice"))
	s.publish(primary, database)
	require.False(t, s.refuses("alice"))
	s.byHand("alice")
	standby.CatchUp(t, primary)
	s.publish(standby, database)
	require.True(t, s.refuses("alice"), "a reinstatement that was read before let alice in")
}

// A query without revoked_at cannot reinstate.
func TestPostgresQueryWithoutMoments(t *testing.T) {
	server := startServer(t)
	database := server.Database(t)
	server.Exec(t, database, `CREATE TABLE mine (sub text, reinstate boolean)`, `INSERT INTO mine VALUES ('alice', false)`)
	s := newSuspension(t)
	s.publishQuery(server, database, `SELECT * FROM mine`)
	require.True(t, s.refuses("alice"))
	server.Exec(t, database, `INSERT INTO mine VALUES ('alice', true)`)
	src, err := postgres.Open(server.URL("postgres", database), postgres.Options{Query: `SELECT * FROM mine`})
	require.NoError(t, err)
	_, err = s.runOn(src)
	require.ErrorAs(t, err, new(*source.BadRowError))
	require.ErrorContains(t, err, "a reinstatement needs revoked_at")
	require.True(t, s.refuses("alice"))
}
