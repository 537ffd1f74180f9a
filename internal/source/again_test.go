package source

import (
	"context"
	"fmt"
	"slices"
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

// A piped is an export that is piped in again and again, and whose reinstatements count once.
type piped struct {
	t      *testing.T
	cursor Cursor
}

func (p *piped) pipe(rows string, want ...string) {
	p.t.Helper()
	got, _ := releases(p.t, open(p.t, "-", Options{Stdin: strings.NewReader(rows)}), &p.cursor)
	require.Equal(p.t, append([]string{}, want...), got)
}

// What is piped in counts once, however often it is piped in: as a growing export, or by and by.
func TestStdinAgain(t *testing.T) {
	p := &piped{t: t}
	p.pipe(reinstate("a"), "a")
	p.pipe(reinstate("a"))
	p.pipe(reinstate("a", "b"), "b")
	p.pipe(reinstate("b", "a", "c"), "c")
	p.pipe("") // the export failed
	p.pipe(reinstate("c"))
	p.pipe(reinstate("d"), "d")
	p.pipe(reinstate("d", "d"), "d") // let back in twice
	p.pipe(reinstate("d", "d"))

	// More than are remembered one by one: the beginning has to be the same.
	many := numbered(0, 2*maxRemembered+10)
	p.pipe(reinstate(many...), many...)
	p.pipe(reinstate(many...))
	p.pipe(reinstate(append(many, "e")...), "e")
	p.pipe(reinstate(append(many[1:], "e", "f")...))
	p.pipe(reinstate("g"))
	p.pipe(reinstate("g", "h"), "h")
}

// What says when it was decided is new if that is not long ago, in a table of any size and order: of each
// user, whether he is suspended.
func TestStateAgain(t *testing.T) {
	p, changed := &piped{t: t}, map[string]int{}
	users := numbered(0, 3*maxRemembered)
	state := func() string {
		var rows strings.Builder
		for _, user := range users {
			var id int
			fmt.Sscanf(user, "n%d", &id)
			times := changed[user]
			fmt.Fprintf(&rows, `{"sub":%q,"reinstate":%v,"revoked_at":%d}`+"\n", user, times%2 == 0, 1_800_000_000+60*id+50_000*times)
		}
		return rows.String()
	}
	p.pipe(state(), users...)
	p.pipe(state())
	changed["n5"]++ // is suspended
	p.pipe(state())
	slices.Reverse(users)
	changed["n5"]++ // and let back in
	changed["n7"]++
	p.pipe(state(), "n5")
	changed["n7"]++
	p.pipe(state(), "n7")
	p.pipe(state())
}

// Rows of other issuers, and columns that mean nothing in a reinstatement, do not confuse it.
func TestWhatAReinstatementIsKnownBy(t *testing.T) {
	p := &piped{t: t}
	p.pipe(`{"sub":"a","reinstate":true,"iss":"other"}`, "a")
	p.pipe(`{"sub":"a","reinstate":true}`, "a")
	p.pipe(`{"sub":"a","reinstate":true,"exp":1900000000,"reason":"once more"}`)
}

// A cursor of another kind of source is none, and the name was in use: nothing in it is new for certain.
func TestAnotherKindOfSourceUnderTheSameName(t *testing.T) {
	for name, cursor := range map[string]Cursor{
		"of a table": Cursor(`{"id":3,"row":"x"}`), "of PostgreSQL": Cursor(`{"system":"1","id":3,"row":"x"}`), "of a file": Cursor(`{"size":0,"sha256":""}`),
	} {
		path := temp(t, "a.db")
		for _, claim := range []string{"a", "b", "c", "d"} {
			_, err := Record(t.Context(), "sqlite:"+path, NewRow{Claims: map[string]string{"sub": claim}, Reinstate: true})
			require.NoError(t, err)
		}
		execSQL(t, path, `DELETE FROM revocations WHERE id = 3`)
		rows := temp(t, "a.jsonl")
		write(t, rows, reinstate("a"))
		locations := []string{"-", "sqlite:" + path, rows}
		if name == "of a table" {
			locations = []string{"-", rows}
		}
		if name == "of a file" {
			locations = []string{"-", "sqlite:" + path}
		}
		for _, location := range locations {
			since := slices.Clone(cursor)
			s := open(t, location, Options{Stdin: strings.NewReader(reinstate("a"))})
			all, result, err := readAll(t, s, since)
			require.NoError(t, err)
			require.True(t, result.Full && result.Unsure, "%s under a cursor %s", location, name)
			require.NotEmpty(t, all)
			if location == "-" {
				s = open(t, location, Options{Stdin: strings.NewReader(reinstate("a"))})
			}
			got, _ := releases(t, s, &since)
			require.Empty(t, got, "%s under a cursor %s", location, name)
		}
	}
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
		read := func(rows string, want ...string) {
			t.Helper()
			text := form.head
			for _, claim := range strings.Fields(rows) {
				text += fmt.Sprintf(form.row, claim)
			}
			write(t, path, text)
			got, _ := releases(t, s, &cursor)
			require.Equal(t, append([]string{}, want...), got)
		}
		read("a b")
		read("a b c", "c")
		read("a b c")
		read("b c d", "d") // a is not needed any more
		read("b c d e", "e")
		read("") // somebody copies it back from a backup, in two steps
		read("b a")
		read("b a b", "b")
		read("z a b", "z")

		// More than are remembered: what comes again may be old.
		many := strings.Join(numbered(0, maxRemembered), " ")
		read("z a b "+many, strings.Fields(many)...)
		read("z a b "+many+" f", "f")
		read("a b " + many + " f z g")
		read("a b "+many+" f z g h", "h")
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
	read(query, false)
	row("d")
	read(query, false, "d")
	execSQL(t, path, `DELETE FROM revocations WHERE sub = 'a'`)
	row("e")
	read(query, false, "e")
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
	read(query, false, "e")
	restart(t, server)
	row("f")
	read(query, false, "f")
	server.Exec(t, database, `DELETE FROM revocations`)
	read(query, true)
	row("f")
	read(query, false)
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
	read := func(want ...string) {
		t.Helper()
		got, _ := releases(t, open(t, server.URL("postgres", database), opt), &cursor)
		require.Equal(t, append([]string{}, want...), got)
	}
	row("1 minute", "a")
	row("2 days", "old")
	read()
	read()
	row("10 seconds", "b")
	read("b")
	read()
	row("2 days", "late")
	row("1 second", "a")
	opt.FullEvery = time.Microsecond
	read("a")
	row("0 seconds", "c")
	opt.FullEvery = time.Hour
	read("c")

	// What lies in front of the last window was read with that, or in time.
	row("90 minutes", "before")
	opt.Window = 2 * time.Hour
	row("0 seconds", "d")
	read()
	row("0 seconds", "e")
	read("e")

	// Too many to be remembered: until they have left the window all in it may be old.
	many := numbered(0, maxRemembered)
	row("0 seconds", many...)
	read(many...)
	row("0 seconds", "f")
	read("f")
	row("1 hour", "g") // it is not in the same order any more
	row("0 seconds", "h")
	read()
}
