package source

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

// A table with columns of text says the same as every other format.
func TestPostgresAgrees(t *testing.T) {
	server, database := postgres(t)
	jsonl := temp(t, "rows.jsonl")
	write(t, jsonl, asJSONL(t, logical))
	columns := columnsOf(logical)
	server.Exec(t, database, append([]string{`CREATE TABLE mine (id serial, "` + strings.Join(columns, `" text, "`) + `" text)`}, insertAll(logical, "mine")...)...)
	read := func(location string, opt Options) (rows []Row, refused []string) {
		opt.SkipBadRows = true
		rows, result, err := readAll(t, open(t, location, opt), nil)
		require.NoError(t, err)
		for _, e := range result.Skipped {
			refused = append(refused, fmt.Sprintf("%d %s %s", e.Line, e.Field, e.Reason))
		}
		return rows, refused
	}
	want, bad := read(jsonl, Options{})
	got, gotBad := read(server.URL("postgres", database), Options{Query: `SELECT "` + strings.Join(columns, `","`) + `" FROM mine ORDER BY id`})
	require.Equal(t, want, got)
	require.Equal(t, bad, gotBad)

	// Those that its types can hold at all, in the table revocations.
	var typed []map[string]string
	for _, row := range logical[:8] {
		whole := map[string]string{}
		for name, v := range row {
			if at, reason := parseMoment(v); reason == "" && (name == "exp" || name == "before") {
				v = time.Unix(at, 0).UTC().Format(time.RFC3339)
			}
			whole[name] = v
		}
		if whole["reinstate"] == "" {
			whole["reinstate"] = "false"
		}
		typed = append(typed, whole)
	}
	server.Exec(t, database, `ALTER TABLE revocations ADD COLUMN tenant text`)
	server.Exec(t, database, insertAll(typed, "revocations")...)
	got, gotBad = read(server.URL("postgres", database), Options{})
	require.Equal(t, want, got)
	require.Empty(t, gotBad)
}

func TestPostgresTypes(t *testing.T) {
	server, database := postgres(t)
	server.Exec(t, database, `CREATE TYPE size AS ENUM ('small', 'large')`, `CREATE DOMAIN tag AS varchar(20)`)
	for sql, want := range map[string]string{
		`'x'::text AS v`: "x", `'x'::varchar AS v`: "x", `'x'::char(5) AS v`: "x", `'x'::tag AS v`: "x", `'large'::size AS v`: "large",
		`7::smallint AS v`: "7", `7::int AS v`: "7", `-7::bigint AS v`: "-7", `9223372036854775807 AS v`: "9223372036854775807",
		`12345678901234567890::numeric AS v`: "12345678901234567890", `7::float8 AS v`: "7", `''::text AS v`: "", `7::oid::bigint AS v`: "7",
		`'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS v`: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",

		`1.5::float8 AS v`: "not an integer", `'NaN'::float8 AS v`: "not an integer", `1.5::numeric AS v`: "not an integer", `'NaN'::numeric AS v`: "not an integer",
		`true AS v`: "it is true; a claim is", `now() AS v`: "it is a moment; a claim is",
		`'x'::bytea AS v`:                                          "it is of the type bytea (select convert_from",
		`'{"a":1}'::jsonb AS v`:                                    "it is of the type jsonb (cast it to text",
		`ARRAY['a'] AS v`:                                          "it is of the type text[] (cast it to text",
		`now()::timestamp AS v`:                                    "of a type whose zone is unknown",
		`'x' AS v, now()::date AS exp`:                             `field "exp": it is of a type whose zone is unknown (select … AT TIME ZONE 'UTC'`,
		`'x' AS v, 'infinity' AS exp`:                              `"infinity" is neither`,
		`'x' AS v, 1.5::float8 AS exp`:                             "2",
		`'x' AS v, 1.25::numeric AS exp`:                           "2",
		`'x' AS v, to_timestamp(1.000001) AS exp`:                  "2",
		`'x' AS v, 'infinity'::timestamptz AS exp`:                 "infinity is no moment; leave the column NULL where there is no end",
		`'x' AS v, '-infinity'::timestamptz AS before`:             "-infinity is no moment; leave the column NULL where there is no beginning",
		`'x' AS v, '1969-12-31 23:59:59.5Z'::timestamptz AS exp`:   "1969-12-31T23:59:59.5Z is before 1970",
		`'x' AS v, '0044-03-15 12:00Z BC'::timestamptz AS exp`:     "-0043-03-15T12:00:00Z is before 1970",
		`'x' AS v, '9999-12-31 23:59:59.1Z'::timestamptz AS exp`:   "9999-12-31T23:59:59.1Z is after the year 9999",
		`'x' AS v, '294276-12-31 23:59:59Z'::timestamptz AS exp`:   "294276-12-31T23:59:59Z is after the year 9999",
		`'x' AS v, '9999-12-31 23:59:59Z'::timestamptz AS exp`:     "253402300799",
		`'x' AS v, '1970-01-01 00:00:00Z'::timestamptz AS exp`:     "0",
		`'x' AS v, '1970-01-01 00:00:00.000001Z'::timestamptz exp`: "1",
		`'x' AS v, 't'::text AS reinstate, 1 AS exp`:               "1",
	} {
		rows, _, err := readAll(t, open(t, server.URL("postgres", database), Options{Query: `SELECT ` + sql}), nil)
		switch {
		case err != nil:
			require.ErrorContains(t, err, want, sql)
		case rows[0].Exp != None:
			require.Equal(t, want, fmt.Sprint(rows[0].Exp), sql)
		default:
			require.Equal(t, want, rows[0].Values[0], sql)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	for _, µs := range []int64{0, 1, -1, 999_999, -946_684_800_000_000, -946_684_800_000_001, 252_455_615_999_000_000, 252_455_615_999_000_001, math.MaxInt64, math.MinInt64} {
		f.Add(µs)
	}
	f.Fuzz(func(t *testing.T, µs int64) {
		got, reason := ceilTimestamp(µs)
		if (got == None) != (reason != "") {
			t.Fatalf("%d gives %d and %q", µs, got, reason)
		}
		if µs == math.MaxInt64 || µs == math.MinInt64 {
			require.Equal(t, None, got)
			return
		}
		x := new(big.Rat).SetFrac64(µs, 1e6)
		x.Add(x, big.NewRat(946_684_800, 1))
		text := "1"
		if x.Sign() < 0 {
			text = "-1"
		}
		checkAgainst(t, text, x, got)
	})
}

// A moment that no row may have is refused where it is written: it would stop all publishing. In
// a table from before that was so there may be some. They are skipped once, and told once.
func TestPostgresMomentsOutOfRange(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := withTable(t, server)
	insert := func(column, moment string) error {
		return pgtest.Exec(server.URL("postgres", database), fmt.Sprintf(`INSERT INTO revocations (jti, %q) VALUES ('a', '%s')`, column, moment))
	}
	refused := func() {
		t.Helper()
		for _, column := range []string{"exp", "before", "revoked_at"} {
			for _, moment := range []string{"infinity", "-infinity", "1969-12-31 23:59:59.999999Z", "9999-12-31 23:59:59.000001Z"} {
				require.ErrorContains(t, insert(column, moment), "revocations_moments", moment)
			}
		}
	}
	refused()
	require.NoError(t, insert("exp", "9999-12-31 23:59:59Z"))
	require.NoError(t, insert("before", "1970-01-01 00:00Z"))
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true, "a", "a")

	server.Exec(t, database, `ALTER TABLE revocations DROP CONSTRAINT revocations_moments`)
	require.NoError(t, insert("exp", "infinity"))
	server.Exec(t, database, PostgresSchema)
	refused()
	server.Exec(t, database, `COMMENT ON COLUMN revocations.txid IS NULL`, PostgresSchema) // as after a restore
	refused()
	server.Exec(t, database, insert1("b"))
	_, _, err := readAll(t, f.source, f.cursor)
	require.ErrorContains(t, err, `field "exp": infinity is no moment; leave the column NULL where there is no end`)
	f.source = open(t, server.URL("postgres", database), Options{SkipBadRows: true})
	told := func(skipped int64, full bool, want ...string) {
		t.Helper()
		rows, result, err := readAll(t, f.source, f.cursor)
		require.NoError(t, err)
		require.Equal(t, append([]string{}, want...), jtis(rows))
		require.Equal(t, full, result.Full)
		require.Equal(t, skipped, result.SkippedRows)
		f.cursor = result.Cursor
	}
	told(1, false, "b")
	told(0, false)
	restart(t, server)
	told(0, true, "a", "a", "b")
	f.source = open(t, server.URL("postgres", database), Options{})
	restart(t, server)
	told(0, true, "a", "a", "b")
}
