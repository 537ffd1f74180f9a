package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// A table is a database file, with a reader that follows it.
type follower struct {
	t      *testing.T
	path   string
	cursor source.Cursor
}

func (f *follower) record(jtis ...string) {
	f.t.Helper()
	for _, jti := range jtis {
		_, err := Record(f.t.Context(), f.path, source.Decision{Claims: map[string]string{"jti": jti}})
		require.NoError(f.t, err)
	}
}

func (f *follower) sql(statements ...string) { f.t.Helper(); execSQL(f.t, f.path, statements...) }

// copy is a backup, or its restoration.
func (f *follower) copy(from, to string) {
	f.t.Helper()
	execSQL(f.t, from, `PRAGMA wal_checkpoint(TRUNCATE)`)
	for _, file := range []string{to, to + "-wal", to + "-shm"} {
		os.Remove(file)
	}
	content, err := os.ReadFile(from)
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(to, content, 0o600))
}

// read reads on from the cursor, and returns the claims that were visited.
func (f *follower) read() ([]string, source.Result) {
	f.t.Helper()
	rows, result, err := sourcetest.Read(f.t, Open(f.path, Options{}), f.cursor)
	require.NoError(f.t, err)
	for _, row := range rows {
		require.False(f.t, result.Full && row.New)
	}
	f.cursor = result.Cursor
	return sourcetest.FirstClaims(rows), result
}

// appended expects the rows behind the cursor, all of them new.
func (f *follower) appended(want ...string) {
	f.t.Helper()
	rows, result, err := sourcetest.Read(f.t, Open(f.path, Options{}), f.cursor)
	require.NoError(f.t, err)
	require.Equal(f.t, append([]string{}, want...), sourcetest.FirstClaims(rows))
	require.False(f.t, result.Full)
	require.Empty(f.t, result.Warnings)
	for _, row := range rows {
		require.True(f.t, row.New)
	}
	f.cursor = result.Cursor
}

// all expects all rows, and a warning with these words if there are any.
func (f *follower) all(warning string, want ...string) {
	f.t.Helper()
	got, result := f.read()
	require.Equal(f.t, append([]string{}, want...), got)
	require.True(f.t, result.Full)
	if warning == "" {
		require.Empty(f.t, result.Warnings)
	} else {
		require.Len(f.t, result.Warnings, 1)
		require.Contains(f.t, result.Warnings[0], warning)
		require.Contains(f.t, result.Warnings[0], "so all rows were read; rows that were committed in between to the database that it replaced were never read")
	}
}

func TestFollowTable(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a b?c#d%20.db")} // all that a URI would take for something else
	f.record("a")
	f.sql(`DELETE FROM revocations`)
	f.all("")
	f.record("b")
	f.all("", "b") // no row shows that it is the same table
	f.appended()
	f.record("c", "d")
	f.appended("c", "d")

	// Housekeeping makes at most the last rows come again.
	f.sql(`DELETE FROM revocations WHERE jti = 'c'`)
	f.appended()
	f.record("e", "f", "g")
	f.appended("e", "f", "g")
	f.sql(`DELETE FROM revocations WHERE jti = 'g'`)
	f.record("h")
	got, result := f.read()
	require.Equal(t, []string{"h"}, got)
	require.False(t, result.Full)
	f.sql(`DELETE FROM revocations WHERE jti IN ('h', 'f')`)
	f.record("i")
	got, result = f.read()
	require.Equal(t, []string{"e", "i"}, got)
	require.False(t, result.Full)
	f.sql(`DELETE FROM revocations`)
	f.all("")
	f.record("j")
	f.all("", "j")

	// New columns change no row.
	_, err := Record(t.Context(), f.path, source.Decision{Claims: map[string]string{"device_id": "x"}})
	require.NoError(t, err)
	f.appended("x")
	f.sql(`ALTER TABLE revocations ADD COLUMN other TEXT`)
	f.appended()
}

// The cursor of another source is the start.
func TestForeignCursor(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	f.record("a", "b")
	for _, cursor := range []string{`{}`, `{"size":3,"sha256":"x"}`, `{"id":1}`, `null`, `[]`, `{`} {
		f.cursor = source.Cursor(cursor)
		f.all("", "a", "b")
	}
}

// A row that was changed shows that the table is not the one that was read. The shipped table
// refuses to change rows, but a table made by hand does not.
func TestChangedRow(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	f.sql(laxTable, `INSERT INTO revocations (jti) VALUES ('a'), ('b')`)
	f.all("", "a", "b")
	f.sql(`UPDATE revocations SET jti = 'c' WHERE id = 1`)
	f.all("the row 1 of sqlite:"+f.path+" is not the one that was read before: the database was replaced or restored, or its rows were changed, ", "c", "b")
	f.sql(`INSERT INTO revocations (jti) VALUES ('d')`)
	f.appended("d")
}

// An older copy is read from its start. When the newer database comes back, its rows are read again
// but are not new, whatever was read meanwhile.
func TestOlderCopyAndBack(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	newer, older := temp(t, "newer.db"), temp(t, "older.db")
	f.record("a", "b")
	f.copy(f.path, older)
	f.record("c", "d")
	f.all("", "a", "b", "c", "d")
	f.copy(f.path, newer)

	f.copy(older, f.path)
	f.all("sqlite:"+f.path+" is older than at the last reading: its highest id is 2 and was 4, ", "a", "b")
	f.appended()
	f.copy(newer, f.path)
	f.record("e")
	rows, result, err := sourcetest.Read(t, Open(f.path, Options{}), f.cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"c", "d", "e"}, sourcetest.FirstClaims(rows))
	require.False(t, result.Full)
	f.cursor = result.Cursor

	// Another database at the same path, smaller or larger.
	require.NoError(t, os.Remove(f.path))
	f.record("x")
	f.all("its highest id is 1 and was 5", "x")
	require.NoError(t, os.Remove(f.path))
	f.record("y", "z")
	f.all("the row 1 of sqlite:"+f.path+" is not the one that was read before", "y", "z")
}

// Rows with the content of rows that were read, and other ids, are not the rows that were read.
func TestSameRowsInAnotherOrder(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	f.sql(laxTable, `INSERT INTO revocations (jti) VALUES ('a'), ('b'), ('c')`)
	f.all("", "a", "b", "c")
	f.sql(`DELETE FROM revocations`, `DELETE FROM sqlite_sequence`, `INSERT INTO revocations (jti) VALUES ('c'), ('b'), ('a')`)
	f.all("is not the one that was read before", "c", "b", "a")
}

// A table that was made by hand takes rows with old ids, so all its rows are read every time.
func TestTableThatTakesOldIDs(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	f.sql(ownTable, `INSERT INTO revocations (jti) VALUES ('a'), ('b')`)
	f.all("", "a", "b")
	f.sql(`INSERT INTO revocations (id, jti) VALUES (-1, 'old')`)
	f.all("", "old", "a", "b")
}

// A database is restored from a backup, swapped with it, or made again, at any time, again and
// again. It goes on between the readings, and housekeeping deletes rows. Every row that is there at
// a reading is visited by this reading or was by an earlier one, unless housekeeping had deleted
// it.
func TestRestoredDatabases(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 12))
	restored, full, partly := 0, 0, 0
	for round := range 30 {
		f := &follower{t: t, path: temp(t, "a.db")}
		backup, third := temp(t, "backup.db"), temp(t, "third.db")
		f.sql(`PRAGMA journal_mode = MEMORY`, laxTable)
		f.copy(f.path, backup)
		done := map[string]bool{} // rows that were visited or deleted
		present := func() []string {
			rows, _, err := sourcetest.Read(t, Open(f.path, Options{}), nil)
			require.NoError(t, err)
			return sourcetest.FirstClaims(rows)
		}
		housekeeping := func(where string) {
			before := present()
			f.sql(`DELETE FROM revocations WHERE ` + where)
			after := present()
			for _, jti := range before {
				done[jti] = done[jti] || !slices.Contains(after, jti)
			}
		}
		for step := range 40 {
			switch random.IntN(11) {
			case 0, 1:
				for i := range 1 + random.IntN(8) {
					f.sql(fmt.Sprintf(`INSERT INTO revocations (jti, revoked_at) VALUES ('%d-%d', 1790000000)`, step, i))
				}
			case 2:
				housekeeping(fmt.Sprintf(`id > (SELECT max(id) FROM revocations) - %d`, random.IntN(5)))
			case 3:
				housekeeping(fmt.Sprintf(`abs(random() %% 10) < %d`, random.IntN(11)))
			case 4:
				f.copy(f.path, backup)
			case 5:
				f.copy(backup, f.path)
				restored++
			case 6:
				f.copy(f.path, third)
				f.copy(backup, f.path)
				f.copy(third, backup)
				restored++
			case 7:
				if random.IntN(10) == 0 {
					housekeeping(`true`)
					f.sql(`DELETE FROM sqlite_sequence`)
				}
			default:
				got, result := f.read()
				switch {
				case result.Full:
					full++
				case len(got) > 0:
					partly++
				}
				for _, jti := range got {
					done[jti] = true
				}
				for _, jti := range present() {
					require.True(t, done[jti], "seed %d, round %d, step %d: the row %s was never visited", seed, round, step, jti)
				}
			}
		}
	}
	t.Logf("%d restorations, %d full readings, %d that went on", restored, full, partly)
	require.Greater(t, restored, 50)
	require.Greater(t, partly, 20)
}

// A database is read, restored, and grows past the cursor again. Then housekeeping deletes rows:
// those that the cursor knows, or any others. The next reading visits every row that was committed
// since the restoration.
func TestGrownAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 12))
	for round := range 150 {
		f := &follower{t: t, path: temp(t, "a.db")}
		backup := temp(t, "backup.db")
		insert := func(prefix string, n int) string {
			return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO revocations (jti) SELECT '%s' || i FROM n`, n, prefix)
		}
		kept, lost := random.IntN(30)+1, random.IntN(30)+1
		f.sql(`PRAGMA journal_mode = MEMORY`, laxTable, insert("kept", kept))
		f.copy(f.path, backup)
		f.sql(insert("lost", lost))
		f.read()
		c := rows.DecodeCursor[cursor](f.cursor)
		f.copy(backup, f.path)
		f.sql(insert("new", lost+random.IntN(3)))
		for i, m := range c.Marks { // most of the marks, from the last row on
			if m.ID > int64(kept) && (i < random.IntN(len(c.Marks)) || random.IntN(2) == 0) {
				f.sql(fmt.Sprintf(`DELETE FROM revocations WHERE id = %d`, m.ID))
			}
		}
		f.sql(fmt.Sprintf(`DELETE FROM revocations WHERE abs(random() %% 10) < %d`, random.IntN(4)))
		rows, _, err := sourcetest.Read(t, Open(f.path, Options{}), nil)
		require.NoError(t, err)
		got, _ := f.read()
		for _, jti := range sourcetest.FirstClaims(rows) {
			if strings.HasPrefix(jti, "new") {
				require.Contains(t, got, jti, "seed %d, round %d", seed, round)
			}
		}
	}
}

// A cursor has room for the marks of the largest table, and few rows come again when the last are
// deleted.
func TestMarks(t *testing.T) {
	f := &follower{t: t, path: temp(t, "a.db")}
	f.sql(laxTable, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO revocations (jti) SELECT i FROM n`,
		`INSERT INTO revocations (id, jti) WITH RECURSIVE n(i) AS (SELECT 4096 UNION ALL SELECT i * 2 FROM n WHERE i < 1 << 61) SELECT i + 5000, 'x' FROM n`,
		`INSERT INTO revocations (id, jti) VALUES (9223372036854775806, 'last')`)
	f.read()
	c := rows.DecodeCursor[cursor](f.cursor)
	require.Len(t, c.Marks, maxMarks)

	f.sql(`DELETE FROM revocations WHERE id > 5000`, `UPDATE sqlite_sequence SET seq = 5000`)
	f.cursor = nil
	f.read()
	for deleted := range 1000 {
		if deleted%97 != 0 {
			continue
		}
		before := f.cursor
		f.sql(fmt.Sprintf(`DELETE FROM revocations WHERE id > %d`, 5000-deleted), `UPDATE sqlite_sequence SET seq = 5000`)
		got, result := f.read()
		require.False(t, result.Full)
		require.LessOrEqual(t, len(got), deleted)
		f.cursor = before
	}
}
