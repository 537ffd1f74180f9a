package sqlite

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// shipped makes the table as Record does, with columns for more claims, and without rows.
func shipped(t *testing.T, claims ...string) (path string, db *sql.DB) {
	path = temp(t, "shipped.db")
	all := map[string]string{"jti": "a"}
	for _, name := range claims {
		all[name] = "a"
	}
	_, err := Record(t.Context(), path, source.Decision{Claims: all})
	require.NoError(t, err)
	db, err = open(path, "_pragma=synchronous(OFF)")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec(`DELETE FROM revocations`)
	require.NoError(t, err)
	return path, db
}

var (
	texts = []any{nil, nil, nil, "a", "", strings.Repeat("x", 1024), strings.Repeat("x", 1025), strings.Repeat("é", 512), strings.Repeat("é", 513),
		"x\x00" + strings.Repeat("y", 1022), "x\x00" + strings.Repeat("y", 1023), 7, int64(math.MaxInt64), 1.5, []byte("blob"), []byte{}}
	times = []any{nil, nil, nil, 1793278936, 1793278936.25, "1793278936", 946684800, 946684799, 253402300799, 253402300800,
		0, -1, 3600, 1793278936250, 1e300, math.Inf(1), "tomorrow", "", []byte("1793278936")}
	states = []any{nil, nil, nil, 0, 1, 1.0, "1", 2, -1, 0.5, "perhaps", []byte("1")}
)

// The shipped table takes a row if reading takes it, and the rows it takes are read as they would
// be from a table that refuses nothing.
func TestInsertAgreesWithReading(t *testing.T) {
	own := []string{"device_id", "tenant", `de"vice`, "a", "b"}
	path, db := shipped(t, own...)
	columns := append([]string{"jti", "sid", "sub", "client_id", "kid", "before", "exp", "revoked_at", "reason", "reinstate", "iss"}, own...)
	laxPath := temp(t, "lax.db")
	lax, err := open(laxPath, "_pragma=synchronous(OFF)")
	require.NoError(t, err)
	defer lax.Close()
	var definitions, names []string
	for _, name := range columns {
		affinity := map[string]string{"before": "INTEGER", "exp": "INTEGER", "revoked_at": "REAL", "reinstate": "INTEGER"}[name]
		if affinity == "" {
			affinity = "TEXT"
		}
		names = append(names, rows.QuoteIdentifier(name))
		definitions = append(definitions, rows.QuoteIdentifier(name)+" "+affinity)
	}
	_, err = lax.Exec(`CREATE TABLE revocations (id INTEGER PRIMARY KEY AUTOINCREMENT, ` + strings.Join(definitions, ", ") + `)`)
	require.NoError(t, err)
	insert := `INSERT INTO revocations (` + strings.Join(names, ", ") + `) VALUES (?` + strings.Repeat(", ?", len(names)-1) + `)`

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 12))
	taken, refused := 0, 0
	for range 3000 {
		row, rare := make([]any, len(columns)), 1+random.IntN(12)
		for i, name := range columns {
			from := texts
			switch name {
			case "before", "exp":
				from = append(times, 946684799.5, 946684798.5, 253402300799.5) // rounded up to a second
			case "revoked_at":
				from = times
			case "reinstate":
				from = states
			}
			if random.IntN(12) < rare {
				row[i] = from[random.IntN(len(from))]
			}
			if random.IntN(3) > 0 && from[3] != nil && row[i] != nil {
				row[i] = from[3] // good rows would be rare otherwise
			}
		}
		_, err := lax.Exec(insert, row...)
		require.NoError(t, err)
		want, _, bad := sourcetest.Read(t, Open(laxPath, Options{}), nil)
		_, err = lax.Exec(`DELETE FROM revocations`)
		require.NoError(t, err)

		_, err = db.Exec(insert, row...)
		require.Equal(t, bad == nil, err == nil, "seed %d, row %.40q\nreading: %v\nINSERT: %v", seed, row, bad, err)
		if err != nil {
			refused++
			continue
		}
		taken++
		got, _, err := sourcetest.Read(t, Open(path, Options{}), nil)
		require.NoError(t, err)
		require.Len(t, got, 1)
		want[0].Line = got[0].Line
		if want[0].Moment == source.None {
			require.WithinDuration(t, time.Now(), time.UnixMilli(got[0].Moment), time.Minute)
			want[0].Moment = got[0].Moment
		}
		require.Equal(t, want[0], got[0])
		_, err = db.Exec(`DELETE FROM revocations`)
		require.NoError(t, err)
	}
	t.Logf("%d rows taken, %d refused", taken, refused)
	require.Greater(t, taken, 100)
	require.Greater(t, refused, 100)
}

// The reasons of the table are for people who write SQL.
func TestTableRefuses(t *testing.T) {
	_, db := shipped(t, "device_id")
	_, err := db.Exec(`INSERT INTO revocations (sid) VALUES ('a')`)
	require.NoError(t, err)
	const everyone = `a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`
	long := "'" + strings.Repeat("x", 1025) + "'"
	for statement, want := range map[string]string{
		`INSERT INTO revocations (sub) VALUES (` + long + `)`:                                   `sub is text of at most 1024 bytes`,
		`INSERT INTO revocations (device_id) VALUES (` + long + `)`:                             `device_id is text of at most 1024 bytes`,
		`INSERT INTO revocations (sub, iss) VALUES ('a', ` + long + `)`:                         `iss is text of at most 1024 bytes`,
		`INSERT INTO revocations (id, sub) VALUES (9223372036854775807, 'a')`:                   `the ids would run out`,
		`INSERT INTO revocations (kid) VALUES ('')`:                                             `no key has an empty id`,
		`INSERT INTO revocations DEFAULT VALUES`:                                                everyone,
		`INSERT INTO revocations (reason) VALUES ('oops')`:                                      everyone,
		`INSERT INTO revocations (exp) VALUES (4070908800)`:                                     everyone,
		`INSERT INTO revocations (sub, exp) VALUES ('a', 3600)`:                                 `exp is in Unix seconds, from 2000 to 9999`,
		`INSERT INTO revocations (sub, exp) VALUES ('a', '2099-01-01T00:00:00Z')`:               `exp is in Unix seconds, from 2000 to 9999`,
		`INSERT INTO revocations (sub, before) VALUES ('a', 1793278936250)`:                     `before is in Unix seconds, from 2000 to 9999`,
		`INSERT INTO revocations (sub, revoked_at) VALUES ('a', 20261029)`:                      `revoked_at is in Unix seconds, from 2000 to 9999`,
		`INSERT INTO revocations (sub, reinstate) VALUES ('a', 'true')`:                         `reinstate is 0 or 1`,
		`UPDATE revocations SET sub = 'b'`:                                                      `rows of revocations are not updated, because no reading would notice; insert a row instead`,
		`INSERT OR REPLACE INTO revocations (id, sub) VALUES (2, 'a')`:                          `a row of revocations takes the next id, because a reading would not notice an older one, and the ids would run out; leave the id out`,
		`INSERT INTO revocations (id, sub) VALUES (-5, 'a')`:                                    `a row of revocations takes the next id`,
		`INSERT INTO revocations (id, sub) VALUES (2, 'a') ON CONFLICT DO UPDATE SET sub = 'b'`: `rows of revocations are not updated`,
	} {
		_, err := db.Exec(statement)
		require.ErrorContains(t, err, want, statement)
	}
	for _, statement := range []string{
		`INSERT INTO revocations (device_id) VALUES ('a')`,
		`INSERT INTO revocations (reinstate) VALUES (1)`,
		`INSERT INTO revocations (before) VALUES (unixepoch())`,
		`INSERT INTO revocations (sub, exp) VALUES ('a', unixepoch('now', '+1 hour'))`,
		`INSERT INTO revocations (sub, revoked_at, reinstate) VALUES ('a', NULL, NULL)`,
		`INSERT INTO revocations (id, sub) VALUES (NULL, 'a'), (NULL, 'b')`,
		`INSERT INTO revocations (id, sub) VALUES (100, 'a')`, // as a dump does
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
}

// Two decisions in a row have moments in their order, milliseconds apart.
func TestDefaultMoment(t *testing.T) {
	path, db := shipped(t)
	from := time.Now()
	for i := range 3 {
		_, err := db.Exec(`INSERT INTO revocations (sub, reinstate) VALUES ('a', ?)`, i%2)
		require.NoError(t, err)
		time.Sleep(2 * time.Millisecond)
	}
	got, _, err := sourcetest.Read(t, Open(path, Options{}), nil)
	require.NoError(t, err)
	require.Less(t, got[0].Moment, got[1].Moment)
	require.Less(t, got[1].Moment, got[2].Moment)
	require.WithinRange(t, time.UnixMilli(got[0].Moment), from.Add(-time.Millisecond), time.Now())
}

// A column for a claim that was added by hand is known from the next record on.
func TestColumnAddedByHand(t *testing.T) {
	path, db := shipped(t)
	_, err := db.Exec(`ALTER TABLE revocations ADD COLUMN device_id TEXT`)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO revocations (device_id) VALUES ('a')`)
	require.ErrorContains(t, err, "a row that names no claim")
	_, err = Record(t.Context(), path, source.Decision{Claims: map[string]string{"sub": "a"}})
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO revocations (device_id) VALUES ('a')`)
	require.NoError(t, err)
}

// A table that was made by hand gets no trigger. Its rows get a moment.
func TestRecordInOwnTable(t *testing.T) {
	path := temp(t, "a.db")
	execSQL(t, path, `CREATE TABLE revocations (id INTEGER PRIMARY KEY AUTOINCREMENT, sub TEXT)`)
	id, err := Record(t.Context(), path, source.Decision{Claims: map[string]string{"sub": "a"}, Exp: time.Unix(4070908800, 0), Reinstate: true, Moment: time.UnixMilli(1793278936_123)})
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
	execSQL(t, path, `UPDATE revocations SET sub = 'b'`)
	got, _, err := sourcetest.Read(t, Open(path, Options{}), nil)
	require.NoError(t, err)
	require.Equal(t, []source.Row{{Names: []string{"sub"}, Values: []string{"b"}, Before: source.None, Exp: 4070908800, Moment: 1793278936_123, Reinstate: true, Line: 1}}, got)
}

func TestRecordRefusedByTable(t *testing.T) {
	path := temp(t, "a.db")
	_, err := Record(t.Context(), path, source.Decision{Claims: map[string]string{"ID": "a"}})
	require.EqualError(t, err, `the row for sqlite:`+path+`, field "ID": the table revocations has a column id of its own; record such rows in a .jsonl file`)
	_, err = Record(t.Context(), path, source.Decision{Claims: map[string]string{"Sub": "a"}})
	require.ErrorContains(t, err, `the table has the column "sub", and SQLite does not tell the two apart`)
	_, _, err = sourcetest.Read(t, Open(path, Options{}), nil)
	require.ErrorContains(t, err, "there is no table revocations", "a refusal leaves no table behind")
	_, err = Record(t.Context(), temp(t, "no/dir.db"), source.Decision{Claims: map[string]string{"sub": "a"}})
	require.ErrorContains(t, err, "no such file or directory")

	for i := range 8 {
		_, err = Record(t.Context(), path, source.Decision{Claims: map[string]string{fmt.Sprint("claim", i): "a"}})
		require.NoError(t, err)
	}
	ids, _, err := sourcetest.Read(t, Open(path, Options{}), nil)
	require.NoError(t, err)
	require.Len(t, ids, 8)
}
