package postgres

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

func TestTypes(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, `CREATE TYPE size AS ENUM ('small', 'large')`, `CREATE DOMAIN tag AS varchar(20)`)
	for sql, want := range map[string]string{
		`'x'::text AS v`: "x", `'x'::varchar AS v`: "x", `'x'::char(5) AS v`: "x", `'x'::tag AS v`: "x", `'large'::size AS v`: "large",
		`7::smallint AS v`: "7", `7::int AS v`: "7", `-7::bigint AS v`: "-7", `9223372036854775807 AS v`: "9223372036854775807",
		`12345678901234567890::numeric AS v`: "12345678901234567890", `7::float8 AS v`: "7", `''::text AS v`: "", `7::oid::bigint AS v`: "7",
		`'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS v`: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",

		`1.5::float8 AS v`: "not an integer", `'NaN'::float8 AS v`: "not an integer", `1.5::numeric AS v`: "not an integer", `'NaN'::numeric AS v`: "not an integer",
		`true AS v`: "it is true; a claim is", `now() AS v`: "it is a timestamp; a claim is",
		`'x'::bytea AS v`:                                             "it is of the type bytea (select convert_from",
		`'{"a":1}'::jsonb AS v`:                                       "it is of the type jsonb (cast it to text",
		`ARRAY['a'] AS v`:                                             "it is of the type text[] (cast it to text",
		`now()::timestamp AS v`:                                       "of a type whose zone is unknown",
		`'x' AS v, now()::date AS exp`:                                `field "exp": it is of a type whose zone is unknown (select … AT TIME ZONE 'UTC'`,
		`'x' AS v, 'infinity' AS exp`:                                 `"infinity" is neither`,
		`'x' AS v, 1700000000.5::float8 AS exp`:                       "1700000001",
		`'x' AS v, 1700000000.25::numeric AS exp`:                     "1700000001",
		`'x' AS v, to_timestamp(1700000000.000001) AS exp`:            "1700000001",
		`'x' AS v, to_timestamp(1700000000.000001) AS revoked_at`:     "1700000000001",
		`'x' AS v, 1700000000.0001 AS revoked_at`:                     "1700000000001",
		`'x' AS v, '2023-11-14T22:13:20.0001Z' AS revoked_at`:         "1700000000001",
		`'x' AS v, 3600 AS exp`:                                       "3600 is before the year 2000",
		`'x' AS v, 'infinity'::timestamptz AS exp`:                    "infinity is not a time; leave the column NULL where there is no end",
		`'x' AS v, '-infinity'::timestamptz AS before`:                "-infinity is not a time; leave the column NULL where there is no beginning",
		`'x' AS v, '1999-12-31 23:59:59.5Z'::timestamptz AS exp`:      "1999-12-31T23:59:59.5Z is before the year 2000",
		`'x' AS v, '0044-03-15 12:00Z BC'::timestamptz AS exp`:        "-0043-03-15T12:00:00Z is before the year 2000",
		`'x' AS v, '9999-12-31 23:59:59.1Z'::timestamptz AS exp`:      "9999-12-31T23:59:59.1Z is after the year 9999",
		`'x' AS v, '9999-12-31 23:59:59.1Z'::timestamptz revoked_at`:  "9999-12-31T23:59:59.1Z is after the year 9999",
		`'x' AS v, '294276-12-31 23:59:59Z'::timestamptz AS exp`:      "294276-12-31T23:59:59Z is after the year 9999",
		`'x' AS v, '9999-12-31 23:59:59Z'::timestamptz AS exp`:        "253402300799",
		`'x' AS v, '9999-12-31 23:59:59Z'::timestamptz AS revoked_at`: "253402300799000",
		`'x' AS v, '2000-01-01 00:00:00Z'::timestamptz AS exp`:        "946684800",
		`'x' AS v, '2000-01-01 00:00:00.000001Z'::timestamptz exp`:    "946684801",
		`'x' AS v, true AS reinstate, 946684800 AS revoked_at`:        "946684800000",
		`'x' AS v, 't'::text AS reinstate, 946684800 AS revoked_at`:   "946684800000",
	} {
		all, _, err := readAll(t, open(t, server.URL("postgres", database), Options{Query: `SELECT ` + sql}), nil)
		switch {
		case err != nil:
			require.ErrorContains(t, err, want, sql)
		case all[0].Exp != source.None:
			require.Equal(t, want, fmt.Sprint(all[0].Exp), sql)
		case all[0].Moment != source.None:
			require.Equal(t, want, fmt.Sprint(all[0].Moment), sql)
		default:
			require.Equal(t, want, all[0].Values[0], sql)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	for _, µs := range []int64{0, 1, -1, 999_999, -946_684_800_000_000, 252_455_615_999_000_000, 252_455_615_999_000_001, math.MaxInt64, math.MinInt64} {
		f.Add(µs)
	}
	f.Fuzz(func(t *testing.T, µs int64) {
		for _, unit := range []int64{rows.Seconds, rows.Milliseconds} {
			got, reason := ceilTimestamp(µs, unit)
			want := new(big.Rat).SetFrac64(µs, 1e6)
			want.Add(want, new(big.Rat).SetInt64(year2000)).Mul(want, new(big.Rat).SetInt64(unit))
			if µs < 0 || want.Cmp(new(big.Rat).SetInt64(crl.MaxTime*unit)) > 0 {
				require.Equal(t, source.None, got)
				require.NotEmpty(t, reason)
				return
			}
			require.Empty(t, reason)
			behind := new(big.Rat).SetInt64(got)
			behind.Sub(behind, want)
			require.True(t, behind.Sign() >= 0 && behind.Cmp(big.NewRat(1, 1)) < 0, "%d is rounded up to %d", µs, got)
		}
	})
}
