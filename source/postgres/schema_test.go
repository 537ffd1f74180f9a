package postgres

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// odd are values for the columns of the table, shipped or added by its owner, good and bad. They are
// literals of SQL.
var odd = map[string][]string{
	"jti": texts, "sid": texts, "sub": texts, "client_id": texts, "kid": texts, "iss": texts, "reason": texts,
	"before": times, "exp": times, "revoked_at": append([]string{"clock_timestamp() + '290 s'", "clock_timestamp() + '1 hour'"}, times...),
	"reinstate": {"true", "false"},

	"tenant text": texts, "c1 text": texts, "c2 text": texts, "c3 text": texts, "c4 varchar(2000)": texts, "padded char(1030)": texts,
	"device uuid":  {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
	"plan size":    {"'small'"},
	"seat tag":     texts,
	"small_id int": {"0", "-7"},
	"big_id bigint": {
		"9223372036854775807", "-1",
	},
	"amount numeric": {
		"7", "-0", "7.0", "7.5", "12345678901234567890", "'NaN'", "9007199254740991.0", "9007199254740992.0", "9007199254740991.00000000000001", "1e300", "1e1022", "1e1023", "1e1024",
	},
	"level float8": {"7", "7.5", "'NaN'", "'-Infinity'", "9007199254740991", "9007199254740992", "1e22", "-0.0", "1e-300"},
	"ratio float4": {"7", "7.5", "16777217", "1e22"},
	"flag boolean": {"true", "false"},
	"doc jsonb":    {`'{"a":1}'`, `'"text"'`, "'7'", "'true'"},
	"tags text[]":  {"'{}'", "'{a}'"},
	"raw bytea":    {"'x'"},
	"day date":     {"'2026-01-01'"},
	"at timestamptz": {
		"'2026-01-01 00:00Z'",
	},
	"net inet":          {"'10.0.0.1'"},
	"class oid":         {"7"},
	"cash money":        {"7"},
	`"Exp" text`:        texts,
	`"a b" text`:        texts,
	`"a,b" text`:        texts,
	`"a;b" text`:        texts,
	"\"a\u00a0b\" text": texts,
	`"größe" text`:      texts,
	`"?column?" text`:   texts,
	`"ID" text`:         texts,
}

var (
	texts = []string{"''", "'x'", "' '", "'x '", "'a\nb'", "'é😀'", "repeat('x', 1024)", "repeat('x', 1025)", "repeat('é', 512)", "repeat('é', 512) || 'x'"}
	times = []string{
		"now()", "'2000-01-01 00:00Z'", "'1999-12-31 23:59:59.999999Z'", "'1970-01-01 00:00Z'", "'infinity'", "'-infinity'", "'0044-03-15 BC'",
		"'9999-12-31 23:59:59Z'", "'9999-12-31 23:59:59.000001Z'", "'294276-12-31 23:59:59Z'", "'2023-11-14 22:13:20.25Z'",
	}
)

// The table takes a row if and only if a publisher does.
func TestSchemaAgreesWithReading(t *testing.T) {
	server, strict := start(t)
	loose := withTable(t, server)
	columns := slices.Sorted(maps.Keys(odd))
	for _, database := range []string{strict, loose} {
		server.Exec(t, database, `CREATE TYPE size AS ENUM ('small', 'large')`, `CREATE DOMAIN tag AS text`)
		for _, c := range columns {
			if strings.Contains(c, " ") {
				server.Exec(t, database, `ALTER TABLE revocations ADD COLUMN `+c)
			}
		}
	}
	server.Exec(t, loose, `ALTER TABLE revocations DISABLE TRIGGER revocations_check`)
	checked, unchecked := server.Connect(t, strict), server.Connect(t, loose)

	n := 3000
	if s := os.Getenv("REVOCAST_ROWS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	inserts, refusals := map[int64]string{}, map[int64]error{}
	for id := int64(1); id <= int64(n); id++ {
		// Most rows have few columns, so that one bad value does not hide another.
		var names, values []string
		few := []int{1, 1, 2, 3, 12}[r.IntN(5)]
		for _, i := range r.Perm(len(columns))[:few] {
			name, rest, _ := strings.Cut(columns[i], `" `)
			if rest != "" {
				name += `"`
			} else {
				name, _, _ = strings.Cut(name, " ")
			}
			names = append(names, name)
			values = append(values, odd[columns[i]][r.IntN(len(odd[columns[i]]))])
		}
		insert := fmt.Sprintf(`INSERT INTO revocations (%s) VALUES (%s)`, strings.Join(names, ", "), strings.Join(values, ", "))
		run(t, unchecked, insert)
		inserts[id] = insert
		_, refusals[id] = checked.Exec(t.Context(), insert)
	}

	reads := map[int64]bool{}
	result, err := open(t, server.URL("postgres", loose), Options{SkipBadRows: true}).Read(t.Context(), nil, func(row *source.Row) error {
		// As a publisher does.
		if row.Moment > time.Now().Add(5*time.Minute).UnixMilli() {
			return &source.BadRowError{Field: "revoked_at", Reason: "it is in the future"}
		}
		reads[row.Line] = true
		return nil
	})
	require.NoError(t, err)
	why := map[int64]error{}
	for _, e := range result.Skipped {
		why[e.Line] = e
	}
	for id := range int64(n) {
		id++
		require.Equal(t, reads[id], refusals[id] == nil, "seed %d: %s\nINSERT: %v\nreading: %v", seed, inserts[id], refusals[id], why[id])
	}
	require.Greater(t, len(reads), n/5)
	require.Greater(t, n-len(reads), n/5)

	// And a publisher takes all that the table took.
	result, err = open(t, server.URL("postgres", strict), Options{}).Read(t.Context(), nil, func(*source.Row) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, len(reads), result.Rows)
}

// What the table refuses, in words for the developer whose INSERT it was.
func TestSchemaRefuses(t *testing.T) {
	server, database := start(t)
	conn := server.Connect(t, database)
	run(t, conn, `ALTER TABLE revocations ADD COLUMN "Sub" text, ADD COLUMN "Exp" text, ADD COLUMN "a b" text, ADD COLUMN doc jsonb`)
	for row, want := range map[string]string{
		`(sub) VALUES (repeat('x', 1025))`:                "column sub of revocations: it is longer than 1024 bytes",
		`(kid) VALUES ('')`:                               "column kid of revocations: it is empty, and no key has an empty id",
		`(sub, iss) VALUES ('a', repeat('x', 1025))`:      "column iss of revocations: it is longer than 1024 bytes",
		`(exp) VALUES (now())`:                            `a row of revocations without a claim needs "before"`,
		`(reason) VALUES ('oops')`:                        `a row of revocations without a claim needs "before"`,
		`(sub, revoked_at) VALUES ('a', NULL)`:            `null value in column "revoked_at"`,
		`(sub, reinstate) VALUES ('a', NULL)`:             `null value in column "reinstate"`,
		`(sub, revoked_at) VALUES ('a', now() + '6 min')`: "revoked_at of revocations must be from the year 2000 on, and at most 5 minutes ahead of the clock",
		`(sub, exp) VALUES ('a', 'infinity')`:             "before and exp of revocations must be from the year 2000 to 9999; leave them NULL where there is no end",
		`(sub, before) VALUES ('a', to_timestamp(3600))`:  "before and exp of revocations must be from the year 2000 to 9999",
		`("Exp") VALUES ('a')`:                            `column "Exp" of revocations: the reserved column is written in lower case`,
		`("a b") VALUES ('a')`:                            `column "a b" of revocations: no claim has such a name`,
		`(doc) VALUES ('{}')`:                             "column doc of revocations: a claim is text or an integer",
	} {
		_, err := conn.Exec(t.Context(), `INSERT INTO revocations `+row)
		require.ErrorContains(t, err, want, row)
	}
	run(t, conn, `INSERT INTO revocations (reinstate) VALUES (true)`, `INSERT INTO revocations (before) VALUES (now())`, `INSERT INTO revocations ("Sub") VALUES ('a')`)
}

// Rows that came past the triggers are bad rows. They stop nothing else if they are skipped.
func TestRowsPastTheTriggers(t *testing.T) {
	server, database := start(t)
	address := server.URL("postgres", database)
	f := follow(t, address, Options{})
	server.Exec(t, database, insert1("a"))
	f.step(true, "a")
	server.Exec(t, database, `ALTER TABLE revocations ADD COLUMN "Exp" text`, insert1("b"))
	f.step(false, "b") // a bad name does no harm as long as it has no values
	bad := []string{`(jti, exp) VALUES ('x', 'infinity')`, `(kid) VALUES ('')`, `(reason) VALUES ('oops')`, `("Exp") VALUES ('x')`, `(jti) VALUES (repeat('x', 1025))`}
	for _, row := range bad {
		server.Exec(t, database, `SET session_replication_role = replica; INSERT INTO revocations `+row)
	}
	server.Exec(t, database, insert1("c"))
	_, _, err := readAll(t, f.source, f.cursor)
	e := &source.BadRowError{Source: address, Unit: "row", Line: 3, Field: "exp", Reason: "infinity is not a time; leave the column NULL where there is no end"}
	require.Equal(t, e, err)
	f.source = open(t, address, Options{SkipBadRows: true})
	all, result, err := readAll(t, f.source, f.cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, jtis(all))
	require.EqualValues(t, len(bad), result.SkippedRows)
	require.Equal(t, e, result.Skipped[0])
	for i, field := range []string{"exp", "kid", "", "Exp", "jti"} {
		require.Equal(t, field, result.Skipped[i].Field)
	}
	f.cursor = result.Cursor
	f.step(false)
}

// The table is as it was after the schema was run again, and takes the place of a trigger that is
// missing.
func TestSchemaAgain(t *testing.T) {
	server, database := start(t)
	f := follow(t, server.URL("postgres", database), Options{})
	server.Exec(t, database, insert1("a"), Schema, Schema)
	f.step(true, "a")
	server.Exec(t, database, Schema, insert1("b"))
	f.step(false, "b")
	server.Exec(t, database, `DROP TRIGGER revocations_check ON revocations`, Schema)
	_, err := server.Connect(t, database).Exec(t.Context(), `INSERT INTO revocations (kid) VALUES ('')`)
	require.ErrorContains(t, err, "it is empty")
	f.step(false)
	require.NotNil(t, rows.DecodeCursor[tableCursor](f.cursor))
}

// While the trigger is off, rows may come with transaction ids of the past. Reading refuses the table
// until the schema was run again, and then reads all rows.
func TestRowsThatCameWithoutTheTrigger(t *testing.T) {
	server, database := start(t)
	server.Exec(t, database, insert1("a"))
	f := follow(t, server.URL("postgres", database), Options{})
	f.step(true, "a")
	f.step(false)
	server.Exec(t, database, `ALTER TABLE revocations DISABLE TRIGGER USER`,
		`INSERT INTO revocations (id, txid, jti) OVERRIDING SYSTEM VALUE VALUES (90, '3', 'restored')`,
		`ALTER TABLE revocations ENABLE TRIGGER USER`, Schema)
	f.step(true, "a", "restored")
	f.step(false)
}
