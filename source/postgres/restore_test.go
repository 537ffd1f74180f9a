package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

// A dump brings transaction ids of another cluster along. They must not be taken for this one's.
func TestRestore(t *testing.T) {
	t.Parallel()
	old, young := pgtest.Start(t), pgtest.Start(t)
	database := withTable(t, old)
	for range 300 {
		old.Exec(t, database, `SELECT pg_current_xact_id()`)
	}
	old.Exec(t, database, insert1("a"), insert1("b"))
	f := follow(t, old.URL("postgres", database), Options{})
	f.step(true, "a", "b")
	restored := young.Database(t)
	young.Exec(t, restored, `CREATE ROLE revocations_writer`, `CREATE ROLE revocations_reader`)
	young.Restore(t, restored, old.Dump(t, database))
	f.source = open(t, young.URL("postgres", restored), Options{})
	again := func(want ...string) {
		t.Helper()
		rows, result, err := readAll(t, f.source, f.cursor)
		require.NoError(t, err)
		require.Equal(t, want, jtis(rows))
		require.True(t, result.Full)
		require.Len(t, result.Warnings, 1)
		require.Contains(t, result.Warnings[0], "as after a restore from a dump; all of them are read every time until the schema is run again")
		f.cursor = result.Cursor
	}
	again("a", "b")
	young.Exec(t, restored, insert1("c"))
	again("a", "b", "c")
	young.Exec(t, restored, Schema)
	f.step(true, "a", "b", "c")
	require.Equal(t, "0", young.Text(t, restored, `SELECT count(*) FROM revocations WHERE txid >= pg_snapshot_xmax(pg_current_snapshot())`))
	young.Exec(t, restored, insert1("d"))
	f.step(false, "d")
	f.step(false)

	// Rows that are loaded without triggers seem to be from the future.
	young.Exec(t, restored, `SET session_replication_role = replica; ALTER TABLE revocations DISABLE TRIGGER revocations_stamp;
		INSERT INTO revocations (jti, txid) VALUES ('e', '1000000'); ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp`)
	rows, result, err := readAll(t, f.source, f.cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"e"}, jtis(rows))
	f.cursor = result.Cursor
	again("a", "b", "c", "d", "e")
}
