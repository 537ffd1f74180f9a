package publish_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/internal/source"
)

// A suspension is a list that users are suspended by, whatever it is published from.
type suspension struct {
	t   *testing.T
	cfg publish.Config
}

func (s *suspension) open(location string, opt source.Options) {
	s.t.Helper()
	src, err := source.Open(location, opt)
	require.NoError(s.t, err)
	if s.cfg.Store == nil {
		s.cfg = config(s.t, src)
	}
	s.cfg.Source = src
}

func (s *suspension) publish(location string, opt source.Options) *publish.Result {
	s.t.Helper()
	s.open(location, opt)
	result, err := publish.Run(s.t.Context(), s.cfg)
	require.NoError(s.t, err)
	s.cfg.Create = false
	return result
}

func (s *suspension) refuses(user string) bool {
	s.t.Helper()
	c, err := client.Open(s.t.Context(), client.Config{Store: s.cfg.Store, Keys: s.cfg.Key.Public()})
	require.NoError(s.t, err)
	now := float64(time.Now().Unix())
	return c.Check(client.Token{Claims: map[string]any{"iss": modelIssuer, "sub": user, "iat": now, "exp": now + 60}}) != nil
}

func suspend(user string) string { return `INSERT INTO revocations (sub) VALUES ('` + user + `')` }

func letIn(user string) string {
	return `INSERT INTO revocations (sub, reinstate) VALUES ('` + user + `', true)`
}

func restart(t *testing.T, server *pgtest.Server) {
	t.Helper()
	server.Stop(syscall.SIGINT)
	require.NoError(t, server.Up())
}

// After a restart of the server all rows come again, in order of their ids. A reinstatement
// among them releases neither what another source revoked since, nor what a transaction
// revoked that began before it and ended after it.
func TestPostgresRestartReleasesNothing(t *testing.T) {
	server := pgtest.Start(t)
	database := server.Database(t)
	server.Exec(t, database, source.PostgresSchema)
	list, address := &suspension{t: t}, server.URL("postgres", database)
	publish := func() *publish.Result { t.Helper(); return list.publish(address, source.Options{}) }

	server.Exec(t, database, suspend("alice"), letIn("alice"))
	publish()
	require.False(t, list.refuses("alice"))
	file := filepath.Join(t.TempDir(), "ops.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(`{"sub":"alice"}`+"\n"), 0o600))
	list.publish(file, source.Options{})
	require.True(t, list.refuses("alice"))

	late := server.Connect(t, database)
	for _, statement := range []string{`BEGIN`, suspend("bob")} {
		_, err := late.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	server.Exec(t, database, letIn("bob"))
	publish()
	require.False(t, list.refuses("bob"))
	_, err := late.Exec(t.Context(), `COMMIT`)
	require.NoError(t, err)
	publish()
	require.True(t, list.refuses("bob"))

	restart(t, server)
	again := publish()
	require.True(t, again.Full)
	require.Empty(t, again.Warnings, "which rows came again is known")
	list.publish(file, source.Options{})
	require.True(t, list.refuses("alice"), "a restart let alice in")
	require.True(t, list.refuses("bob"), "a restart let bob in")
	server.Exec(t, database, letIn("alice"), letIn("bob"))
	publish()
	require.False(t, list.refuses("alice"))
	require.False(t, list.refuses("bob"))
}

// Alice was suspended, let back in, and suspended again. The standby that takes over lacks the
// last of it.
func TestPostgresFailoverReleasesNothing(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.Database(t)
	primary.Exec(t, database, source.PostgresSchema, suspend("alice"), letIn("alice"))
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	standby.Stop(syscall.SIGINT)
	list, auth := &suspension{t: t}, source.Options{Name: "auth"}
	list.publish(primary.URL("postgres", database), auth)
	primary.Exec(t, database, suspend("alice"))
	list.publish(primary.URL("postgres", database), auth)
	primary.Close()
	require.NoError(t, standby.Up())
	standby.Promote(t)
	again := list.publish(standby.URL("postgres", database), auth)
	require.True(t, again.Full)
	require.Len(t, again.Warnings, 1)
	require.Contains(t, again.Warnings[0], "what 1 reinstatements of auth release is still revoked")
	require.True(t, list.refuses("alice"), "a row that is missing let alice in")
}

// To a logical replica rows come, but not how far their ids are. When it takes over it gives
// low ids anew, until its owner runs the schema again.
func TestPostgresLogicalReplicaTakesOver(t *testing.T) {
	t.Parallel()
	old, young := pgtest.Start(t, "wal_level=logical"), pgtest.Start(t)
	from, to := old.Database(t), young.Database(t)
	old.Exec(t, from, source.PostgresSchema, `CREATE PUBLICATION p FOR TABLE revocations`)
	young.Exec(t, to, source.PostgresSchema, `CREATE SUBSCRIPTION s CONNECTION '`+old.URL("postgres", from)+`' PUBLICATION p`)
	old.Exec(t, from, suspend("past"), suspend("alice"), letIn("alice"), suspend("bob"))
	require.Eventually(t, func() bool { return young.Text(t, to, `SELECT count(*) FROM revocations`) == "4" }, time.Minute, 50*time.Millisecond)
	young.Exec(t, to, `ALTER SUBSCRIPTION s DISABLE`, `ALTER SUBSCRIPTION s SET (slot_name = NONE)`, `DROP SUBSCRIPTION s`,
		`DELETE FROM revocations WHERE sub = 'past'`)
	list, address := &suspension{t: t}, young.URL("postgres", to)
	list.publish(address, source.Options{})
	require.False(t, list.refuses("alice"))
	young.Exec(t, to, suspend("alice"))
	require.Equal(t, "1", young.Text(t, to, `SELECT id FROM revocations ORDER BY id LIMIT 1`))
	list.publish(address, source.Options{})
	require.True(t, list.refuses("alice"))
	restart(t, young)
	require.True(t, list.publish(address, source.Options{}).Full)
	require.True(t, list.refuses("alice"), "a restart let alice in")

	young.Exec(t, to, source.PostgresSchema, source.PostgresSchema)
	young.Exec(t, to, letIn("alice"))
	require.Equal(t, "5", young.Text(t, to, `SELECT max(id) FROM revocations`))
	list.publish(address, source.Options{})
	require.False(t, list.refuses("alice"))
}

// One list is published from the primary and from a standby, each under the name of its own
// address, so with two cursors. The standby must not be behind the primary's; and what was let
// in by the one is not let in again by the other.
func TestPostgresByTwoAddresses(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.Database(t)
	primary.Exec(t, database, source.PostgresSchema, suspend("alice"))
	standby := primary.Standby(t)
	standby.CatchUp(t, primary)
	list, first, second := &suspension{t: t}, primary.URL("postgres", database), standby.URL("postgres", database)
	list.publish(first, source.Options{})
	list.publish(second, source.Options{})

	primary.Exec(t, database, letIn("alice"))
	standby.CatchUp(t, primary)
	standby.Pause(t)
	primary.Exec(t, database, suspend("alice"))
	list.publish(first, source.Options{})
	require.True(t, list.refuses("alice"))
	for _, opt := range []source.Options{{}, {Query: `SELECT sub, reinstate FROM revocations ORDER BY id`}} {
		list.open(second, opt)
		_, err := publish.Run(t.Context(), list.cfg)
		require.ErrorIs(t, err, source.ErrOlderSource)
		require.ErrorContains(t, err, " as "+first+"; let it catch up, or name the server that is ahead")
		require.NotContains(t, err.Error(), "--source-name")
	}
	standby.Exec(t, database, `SELECT pg_wal_replay_resume()`)
	standby.CatchUp(t, primary)
	list.publish(second, source.Options{})
	require.True(t, list.refuses("alice"))

	primary.Exec(t, database, letIn("alice"))
	list.publish(first, source.Options{})
	require.False(t, list.refuses("alice"))
	file := filepath.Join(t.TempDir(), "ops.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(`{"sub":"alice"}`+"\n"), 0o600))
	list.publish(file, source.Options{})
	standby.CatchUp(t, primary)
	require.EqualValues(t, 1, list.publish(second, source.Options{}).Rows)
	require.True(t, list.refuses("alice"), "what the primary's address had let in came again under the standby's")

	standby.Promote(t)
	list.publish(second, source.Options{})
	primary.Exec(t, database, letIn("alice"))
	list.open(first, source.Options{})
	_, err := publish.Run(t.Context(), list.cfg)
	require.ErrorIs(t, err, source.ErrOlderSource)
	require.ErrorContains(t, err, "is on timeline 1, and timeline 2 was read before as "+second+", so it is not the server that was promoted")
}
