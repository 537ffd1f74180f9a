package source

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
)

// releases reads a source and gives the reinstatements that count, and whether the reading
// is sure of it.
func releases(t *testing.T, s Source, cursor *Cursor) (claims []string, sure bool) {
	t.Helper()
	claims = []string{}
	result, err := s.Read(context.Background(), *cursor, func(r *Row) error {
		if r.Reinstate && !r.Again {
			claims = append(claims, r.Values[0])
		}
		return nil
	})
	require.NoError(t, err)
	require.LessOrEqual(t, len(result.Cursor), 2<<10)
	*cursor = result.Cursor
	return claims, !result.Unsure
}

func reinstate(claims ...string) string {
	var rows strings.Builder
	for _, claim := range claims {
		fmt.Fprintf(&rows, `{"sub":%q}`+"\n"+`{"sub":%q,"reinstate":true}`+"\n", claim, claim)
	}
	return rows.String()
}

// numbered are so many claims, from one on.
func numbered(from, n int) (claims []string) {
	for i := range n {
		claims = append(claims, fmt.Sprint("n", from+i))
	}
	return claims
}

// What is piped in counts once, however often it is piped in: as a growing export, or by and by.
func TestStdinAgain(t *testing.T) {
	var cursor Cursor
	pipe := func(rows string, sure bool, want ...string) {
		t.Helper()
		got, isSure := releases(t, open(t, "-", Options{Stdin: strings.NewReader(rows)}), &cursor)
		require.Equal(t, append([]string{}, want...), got)
		require.Equal(t, sure, isSure)
	}
	pipe(reinstate("a"), true, "a")
	pipe(reinstate("a"), true)
	pipe(reinstate("a", "b"), true, "b")
	pipe(reinstate("b", "a", "c"), true, "c")
	pipe(reinstate("c"), true)
	pipe(reinstate("d"), true, "d")
	pipe(reinstate("d", "d"), true, "d") // let back in twice
	pipe(reinstate("d", "d"), true)

	// More than are remembered one by one: the beginning has to be the same.
	many := numbered(0, 2*maxRemembered+10)
	pipe(reinstate(many...), true, many...)
	pipe(reinstate(many...), true)
	pipe(reinstate(append(many, "e")...), true, "e")
	pipe(reinstate(append(many[1:], "e", "f")...), false)
	pipe(reinstate("g"), false)
	pipe(reinstate("g", "h"), true, "h")
}

// What is appended to a file counts. When it is read from its start, because it was rewritten, so does
// what was never read of it; of a file that is new to the list nobody can tell.
func TestFileAgain(t *testing.T) {
	for _, form := range []struct{ name, head, row string }{
		{"a.jsonl", "", `{"sub":"%s","reinstate":true}` + "\n"},
		{"a.csv", "sub,reinstate\n", "%s,true\n"},
	} {
		path := temp(t, form.name)
		s, cursor := open(t, path, Options{}), Cursor(nil)
		read := func(sure bool, rows string, want ...string) {
			t.Helper()
			text := form.head
			for _, claim := range strings.Fields(rows) {
				text += fmt.Sprintf(form.row, claim)
			}
			write(t, path, text)
			got, isSure := releases(t, s, &cursor)
			require.Equal(t, append([]string{}, want...), got)
			require.Equal(t, sure, isSure)
		}
		read(false, "a b")
		read(true, "a b c", "c")
		read(true, "a b c")
		read(true, "b c d", "d") // a is not needed any more
		read(true, "b c d e", "e")
		read(true, "") // somebody copies it back from a backup, in two steps
		read(form.head == "", "b a")
		read(true, "b a b", "b")
		read(true, "z a b", "z")

		// More than are remembered: what comes again may be old.
		many := strings.Join(numbered(0, maxRemembered), " ")
		read(true, "z a b "+many, strings.Fields(many)...)
		read(true, "z a b "+many+" f", "f")
		read(false, "a b "+many+" f g")
		read(true, "a b "+many+" f g h", "h")
	}
}

func TestSQLiteAgain(t *testing.T) {
	path := temp(t, "a.db")
	location, cursor := "sqlite:"+path, Cursor(nil)
	row := func(claim string) {
		t.Helper()
		_, err := Record(t.Context(), location, NewRow{Claims: map[string]string{"sub": claim}, Reinstate: true})
		require.NoError(t, err)
	}
	read := func(opt Options, sure bool, want ...string) {
		t.Helper()
		got, isSure := releases(t, open(t, location, opt), &cursor)
		require.Equal(t, append([]string{}, want...), got)
		require.Equal(t, sure, isSure)
	}
	table := Options{}
	row("a")
	read(table, false)
	row("b")
	read(table, true, "b")
	execSQL(t, path, `UPDATE revocations SET sub = 'z' WHERE id = 2`) // another table, for all that can be seen
	row("c")
	read(table, false)

	query := Options{Query: `SELECT sub, reinstate FROM revocations ORDER BY id`}
	cursor = nil
	read(query, false)
	read(query, true)
	row("d")
	read(query, true, "d")
	execSQL(t, path, `DELETE FROM revocations WHERE sub = 'a'`)
	row("e")
	read(query, true, "e")
	query.Query += " LIMIT 99"
	row("f")
	read(query, false)
}

func TestPostgresAgain(t *testing.T) {
	server := pgtest.Start(t)
	database := withTable(t, server)
	address, cursor := server.URL("postgres", database), Cursor(nil)
	read := func(opt Options, sure bool, want ...string) {
		t.Helper()
		got, isSure := releases(t, open(t, address, opt), &cursor)
		require.Equal(t, append([]string{}, want...), got)
		require.Equal(t, sure, isSure)
	}
	row := func(claim string) {
		t.Helper()
		server.Exec(t, database, fmt.Sprintf(`INSERT INTO revocations (sub, reinstate) VALUES ('%s', true)`, claim))
	}
	table := Options{}
	row("a")
	read(table, false)
	row("b")
	read(table, true, "b")

	// After a restart everything is read, and what was read before is known by its transactions.
	restart(t, server)
	read(table, true)
	restart(t, server)
	row("c")
	read(table, true, "c")

	// Of another table nothing is known.
	server.Exec(t, database, `DELETE FROM revocations WHERE sub = 'c'`)
	restart(t, server)
	row("d")
	read(table, false)

	query := Options{Query: `SELECT sub, reinstate FROM revocations ORDER BY id`}
	cursor = nil
	read(query, false)
	row("e")
	read(query, true, "e")
	restart(t, server)
	row("f")
	read(query, true, "f")
}

func restart(t *testing.T, server *pgtest.Server) {
	t.Helper()
	server.Stop(syscall.SIGINT)
	require.NoError(t, server.Up())
}

// Within a window rows come again and again; late ones come with a full reading, and might be old.
func TestPostgresWindowAgain(t *testing.T) {
	server, database := postgres(t)
	server.Exec(t, database, `CREATE TABLE bans (account_id text, lifted boolean, at timestamptz)`)
	row := func(ago string, claims ...string) {
		t.Helper()
		for _, claim := range claims {
			server.Exec(t, database, fmt.Sprintf(`INSERT INTO bans VALUES ('%s', true, now() - interval '%s')`, claim, ago))
		}
	}
	opt := Options{Query: `SELECT account_id, lifted AS reinstate FROM bans WHERE at >= @since ORDER BY at`}
	var cursor Cursor
	read := func(sure bool, want ...string) {
		t.Helper()
		got, isSure := releases(t, open(t, server.URL("postgres", database), opt), &cursor)
		require.Equal(t, append([]string{}, want...), got)
		require.Equal(t, sure, isSure)
	}
	row("1 minute", "a")
	row("2 days", "old")
	read(false)
	read(true)
	row("10 seconds", "b")
	read(true, "b")
	read(true)
	row("2 days", "late")
	row("1 second", "a")
	opt.FullEvery = time.Microsecond
	read(false, "a")
	row("0 seconds", "c")
	opt.FullEvery = time.Hour
	read(true, "c")

	// Too many to be remembered: from then on all that is in the window may be old.
	many := numbered(0, maxRemembered)
	row("0 seconds", many...)
	read(true, many...)
	row("0 seconds", "d")
	read(false)
}
