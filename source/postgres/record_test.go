package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/source"
)

// decisions are some to record, and what reading them visits.
var decisions = []struct {
	record source.Decision
	read   source.Row
}{
	{
		source.Decision{Claims: map[string]string{"sub": "é\"'😀<&>", "client_id": "app\n"}, Moment: at, Before: at, Exp: at.Add(time.Hour), Reason: "why not", Issuer: "https://i"},
		source.Row{Names: []string{"client_id", "sub"}, Values: []string{"app\n", "é\"'😀<&>"}, Before: 1700000001, Exp: 1700003601, Moment: 1700000000_251, Reason: "why not", Issuer: "https://i"},
	},
	{
		source.Decision{Claims: map[string]string{"jti": ""}, Moment: at, Reinstate: true},
		source.Row{Names: []string{"jti"}, Values: []string{""}, Before: source.None, Exp: source.None, Moment: 1700000000_251, Reinstate: true},
	},
	{
		source.Decision{Before: at, Moment: at},
		source.Row{Before: 1700000001, Exp: source.None, Moment: 1700000000_251},
	},
}

var at = time.Unix(1700000000, 250_000_001)

func TestRecord(t *testing.T) {
	server, database := start(t)
	address := server.URL("postgres", database)
	for i, d := range decisions {
		id, err := Record(t.Context(), address, d.record)
		require.NoError(t, err)
		require.EqualValues(t, i+1, id)
	}
	all, _, err := readAll(t, open(t, address, Options{}), nil)
	require.NoError(t, err)
	for i, d := range decisions {
		d.read.Line = int64(i + 1)
		require.Equal(t, d.read, all[i])
	}
}

// A service revokes in the transaction that changes its own tables, in each mode of the driver and
// with the writer's rights alone: both are committed, or neither is.
func TestInsertInOwnTransaction(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, `DROP ROLE IF EXISTS service`, `CREATE ROLE service LOGIN IN ROLE revocations_writer`, `CREATE TABLE sessions (id text)`, `GRANT ALL ON sessions TO service`)
	config, err := pgx.ParseConfig(server.URL("service", database))
	require.NoError(t, err)
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true)
	gone := errors.New("the service failed")
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		logout := func(then error) error {
			return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), `INSERT INTO sessions VALUES ('s')`); err != nil {
					return err
				}
				for _, d := range decisions {
					if err := Insert(t.Context(), tx, d.record); err != nil {
						return err
					}
				}
				return then
			})
		}
		require.ErrorIs(t, logout(gone), gone)
		all, _, err := readAll(t, f.source, f.cursor)
		require.NoError(t, err)
		require.Empty(t, all, "it was rolled back")
		require.NoError(t, logout(nil))
		all, result, err := readAll(t, f.source, f.cursor)
		require.NoError(t, err)
		f.cursor = result.Cursor
		require.Len(t, all, len(decisions))
		for i, d := range decisions {
			d.read.Line, d.read.New = all[i].Line, all[i].New
			require.Equal(t, d.read, all[i])
		}
		require.NoError(t, conn.Close(t.Context()))
	}
	require.Equal(t, "5", server.Text(t, database, `SELECT count(*) FROM sessions`))
}

// A decision without a moment was made when the database says so. Two decisions of one transaction
// differ, so that the later one wins.
func TestMomentOfTheDatabase(t *testing.T) {
	server, database := start(t)
	conn := server.Connect(t, database)
	before := time.Now().UnixMilli()
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		return errors.Join(
			Insert(t.Context(), tx, source.Decision{Claims: map[string]string{"sub": "alice"}}),
			func() error { time.Sleep(2 * time.Millisecond); return nil }(),
			Insert(t.Context(), tx, source.Decision{Claims: map[string]string{"sub": "alice"}, Reinstate: true}))
	}))
	all, _, err := readAll(t, open(t, server.URL("postgres", database), Options{}), nil)
	require.NoError(t, err)
	require.Less(t, all[0].Moment, all[1].Moment)
	require.GreaterOrEqual(t, all[0].Moment, before)
	require.LessOrEqual(t, all[1].Moment, time.Now().UnixMilli()+1)
}

func TestRecordRefused(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, `DROP ROLE IF EXISTS w2`, `CREATE ROLE w2 LOGIN IN ROLE revocations_writer`)
	address := server.URL("postgres", database)
	id, err := Record(t.Context(), server.URL("w2", database), source.Decision{Claims: map[string]string{"jti": "a"}})
	require.NoError(t, err)
	require.Zero(t, id, "a writer does not see ids")

	own := source.Decision{Claims: map[string]string{"device_id": "x"}}
	_, err = Record(t.Context(), address, own)
	require.ErrorContains(t, err, `column "device_id" of relation "revocations" does not exist (SQLSTATE 42703); its owner adds a column for a claim with ALTER TABLE revocations ADD COLUMN … text, and runs the schema again to let writers use it`)
	server.Exec(t, database, `ALTER TABLE revocations ADD COLUMN "device_id" text`)
	_, err = Record(t.Context(), server.URL("w2", database), own)
	require.ErrorContains(t, err, "permission denied for table revocations (SQLSTATE 42501); GRANT revocations_writer to its role, or run the schema again if a column was added")
	server.Exec(t, database, Schema)
	_, err = Record(t.Context(), server.URL("w2", database), own)
	require.NoError(t, err)

	// A row that no reading could take is refused before the database is asked.
	conn := pgtest.Connect(t, server.URL("w2", database))
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for want, d := range map[string]source.Decision{
		`: a row that names no claim needs "before"`:                      {},
		`, field "id": the table revocations has a column of its own`:     {Claims: map[string]string{"id": "1"}},
		`, field "txid": the table revocations has a column of its own`:   {Claims: map[string]string{"txid": "1"}},
		`, field "exp": that is a reserved column, and no claim to match`: {Claims: map[string]string{"exp": "1"}},
		`, field "kid": it is empty, and no key has an empty id`:          {Claims: map[string]string{"kid": ""}},
		`, field "before": 946684799 is before the year 2000`:             {Before: time.Unix(946684799, 0)},
	} {
		_, err := Record(t.Context(), address, d)
		require.ErrorContains(t, err, "the row for "+address+want)
		err = Insert(t.Context(), tx, d)
		require.ErrorContains(t, err, "the row for the table revocations"+want)
		_, ok := errors.AsType[*source.BadRowError](err)
		require.True(t, ok)
	}
	require.NoError(t, Insert(t.Context(), tx, own), "the transaction goes on")
	// The database refuses the rest.
	for want, d := range map[string]source.Decision{
		"invalid byte sequence": {Claims: map[string]string{"jti": "\x00"}},
		"revoked_at of revocations must be from the year 2000 on, and at most 5 minutes ahead of the clock": {Claims: map[string]string{"jti": "a"}, Moment: time.Now().Add(time.Hour)},
	} {
		_, err := Record(t.Context(), address, d)
		require.ErrorContains(t, err, "cannot record a decision in "+address+": ")
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Record(ctx, address, source.Decision{Claims: map[string]string{"jti": "a"}})
	require.ErrorIs(t, err, context.Canceled)
}
