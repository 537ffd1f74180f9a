package publish

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/source/sqlite"
)

// These stories happened to users of earlier programs, which let alice in again.

// pipe publishes a stream of rows.
func (b *bench) pipe(rows ...source.Row) *Result {
	b.Helper()
	r, err := b.runOn(file.Stream(bytes.NewReader(jsonLines(b, rows...)), file.Options{}))
	require.NoError(b, err)
	b.now = b.now.Add(time.Second)
	return r
}

// file returns a file, and a function that writes rows into it and publishes them.
func (b *bench) file(name string) (*rowFile, func(rows ...source.Row) *Result) {
	f := &rowFile{filepath.Join(b.TempDir(), name)}
	return f, func(rows ...source.Row) *Result {
		b.Helper()
		f.show(b, rows)
		return b.read(f)
	}
}

// read publishes the rows of a place.
func (b *bench) read(p place) *Result {
	b.Helper()
	r, err := b.runOn(p.open(b))
	require.NoError(b, err)
	b.now = b.now.Add(time.Second)
	return r
}

var (
	suspended = say("alice", noon-60*minute)
	back      = reinstate("alice", noon-50*minute)
	again     = say("alice", noon-40*minute)
	cleared   = reinstate("alice", noon-30*minute)
	bob       = say("bob", noon-70*minute)
)

// Alice was suspended, let back in, and suspended again. Then a source shows a part of that.
func TestRowsThatAreMissingLetNobodyIn(t *testing.T) {
	for name, rows := range map[string][]source.Row{
		"two rows are missing": {back},
		"the last row":         {bob, suspended, back},
		"all but the wrong":    {back, back},
		"another order":        {again, suspended, back, bob},
		"nothing of alice":     {bob},
		"nothing at all":       nil,
	} {
		for kind, publish := range map[string]func(b *bench) func(...source.Row) *Result{
			"pipe":  func(b *bench) func(...source.Row) *Result { return b.pipe },
			"jsonl": func(b *bench) func(...source.Row) *Result { _, write := b.file("a.jsonl"); return write },
			"csv":   func(b *bench) func(...source.Row) *Result { _, write := b.file("a.csv"); return write },
			"query": func(b *bench) func(...source.Row) *Result {
				query := newLiteQuery(filepath.Join(b.TempDir(), "a.db"))
				return func(rows ...source.Row) *Result { query.show(b, rows); return b.read(query) }
			},
			"table": func(b *bench) func(...source.Row) *Result {
				table := newLiteTable(b, filepath.Join(b.TempDir(), "a.db"))
				return func(rows ...source.Row) *Result { table.show(b, rows); return b.read(table) }
			},
		} {
			b := newBench(t)
			b.Cache = nil
			publish := publish(b)
			publish(bob, suspended, back, again)
			require.True(t, b.refuses("alice"))
			publish(rows...)
			require.True(t, b.refuses("alice"), "%s: %s", kind, name)
			publish(append(rows, back)...)
			require.True(t, b.refuses("alice"), "%s: %s, then one comes back", kind, name)
			publish(append(rows, cleared)...)
			require.False(t, b.refuses("alice"), "%s: %s, then she is let in", kind, name)
		}
	}
}

// Alice was let back in, and later suspended by another team. The first source, which is piped in
// as a whole every minute, decides nothing new by that.
func TestAReinstatementCountsOnce(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.pipe(suspended, back)
		require.False(t, b.refuses("alice"))
	}
	b.publish("other team", again)
	require.Empty(t, b.pipe(suspended, back).Released)
	require.True(t, b.refuses("alice"))
	require.Equal(t, 1, b.pipe(suspended, back, cleared).Released)
	require.False(t, b.refuses("alice"))
}

// A file whose rows have no moments is rewritten without a row that is not needed any more.
func TestARewrittenFileLetsNobodyIn(t *testing.T) {
	b := newBench(t)
	f, write := b.file("a.jsonl")
	revoke, release := say("alice", source.None), reinstate("alice", source.None)
	write(say("old", source.None), revoke, release)
	require.False(t, b.refuses("alice"))
	b.publish("other team", say("alice", b.now.UnixMilli()))
	r := write(revoke, release)
	require.True(t, b.refuses("alice"))
	require.Len(t, r.Warnings, 2)
	require.Contains(t, r.Warnings[0], "was replaced or rewritten")
	require.Contains(t, r.Warnings[1], "reinstatement without revoked_at may have been read before")
	f.add(t, reinstate("alice", b.now.UnixMilli()))
	require.Empty(t, b.read(f).Warnings)
	require.False(t, b.refuses("alice"))

	b.publish("other team", say("alice", b.now.UnixMilli()))
	f.add(t, release) // it may be the rest of a file that is being rewritten
	require.Contains(t, b.read(f).Warnings[0], "reinstatement without revoked_at may have been read before")
	require.True(t, b.refuses("alice"))
}

// A source under another name is a new one, whose rows may be old.
func TestARenamedSourceLetsNobodyIn(t *testing.T) {
	b := newBench(t)
	f, write := b.file("a.jsonl")
	write(suspended, back)
	f.add(t, again)
	b.read(f)
	other, write := b.file("b.jsonl")
	write(suspended, back) // an older copy
	require.True(t, b.refuses("alice"))
	other.add(t, cleared)
	b.read(other)
	require.False(t, b.refuses("alice"))
	b.SourceName = "auth"
	write(suspended, back, again)
	require.False(t, b.refuses("alice"))
}

// A file was rotated while rows were appended that no reading saw. The run says so.
func TestAFileThatWasRotated(t *testing.T) {
	b := newBench(t)
	f, write := b.file("a.jsonl")
	write(suspended)
	require.NoError(t, os.Rename(f.path, f.path+".1"))
	r := write(bob)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "never read")
	require.True(t, b.refuses("alice"))
	require.True(t, b.refuses("bob"))
}

// A SQLite file is restored from a backup and grows past the cursor. Housekeeping deletes the row
// that was read last. All rows that were committed since are published.
func TestADatabaseThatWasRestored(t *testing.T) {
	for _, housekeeping := range []string{"", `DELETE FROM revocations WHERE id = 4`, `DELETE FROM revocations WHERE id IN (2, 4)`, `DELETE FROM revocations WHERE id <= 4`} {
		b := newBench(t)
		table := newLiteTable(t, filepath.Join(t.TempDir(), "a.db"))
		for _, row := range []source.Row{bob, suspended} {
			table.add(t, row)
		}
		restore := table.back(t)
		table.add(t, back)
		table.add(t, again)
		b.read(table)
		require.True(t, b.refuses("alice"))
		restore()
		for _, name := range []string{"carol", "dave", "erin", "frank"} {
			table.add(t, say(name, noon))
		}
		if housekeeping != "" {
			table.exec(t, housekeeping)
		}
		b.read(table)
		require.True(t, b.refuses("alice"), housekeeping)
		for name, id := range map[string]int{"carol": 3, "dave": 4, "erin": 5, "frank": 6} {
			var there int
			rows := table.rows(t)
			for _, row := range rows {
				if row.Values[0] == name {
					there++
				}
			}
			require.Equal(t, there == 1, b.refuses(name), "%s, row %d", housekeeping, id)
		}
	}
}

// The same decisions arrive in a database through its own program, without a moment of their own:
// the table has the moment of the INSERT.
func TestRowsOfATableHaveMoments(t *testing.T) {
	b := newBench(t)
	b.now = time.Now()
	path := filepath.Join(t.TempDir(), "a.db")
	_, err := sqlite.Record(t.Context(), path, source.Decision{Claims: map[string]string{"sub": "alice"}})
	require.NoError(t, err)
	execLite(t, path, `INSERT INTO revocations (sub, reinstate) VALUES ('alice', 1)`, `INSERT INTO revocations (sub) VALUES ('bob')`)
	_, err = b.runOn(sqlite.Open(path, sqlite.Options{}))
	require.NoError(t, err)
	b.now = time.Now().Add(time.Second)
	require.False(t, b.refuses("alice"))
	require.True(t, b.refuses("bob"))
	for _, s := range b.state().Reinstated {
		require.InDelta(t, time.Now().UnixMilli(), s.Moment, 10_000)
	}
}

// day is the end of the token in the tests below, which is a life after noon.
const day = noon/1000 + 86400

func (s *scene) revoked(jti string) bool {
	s.t.Helper()
	c, err := client.Open(s.t.Context(), client.Config{Store: s.open("list"), Keys: s.key.Public(), Now: func() time.Time { return time.Unix(s.now, 0) }})
	require.NoError(s.t, err)
	err = c.Check(client.Token{Claims: map[string]any{"iss": testIssuer, "jti": jti, "iat": s.now, "exp": day}})
	if err != nil {
		require.ErrorAs(s.t, err, new(*client.RevokedError))
	}
	return err != nil
}

// A jti was revoked for a minute, and 5 minutes later for good. Without exp that is a whole life
// from then on.
func TestAJTIWithoutExpIsRevokedForALife(t *testing.T) {
	for _, dated := range []bool{true, false} {
		s := newScene(t)
		lines := &rowFile{filepath.Join(t.TempDir(), "a.jsonl")}
		src := lines.open(t)
		publish := func() {
			t.Helper()
			_, err := Run(t.Context(), Config{
				Store: s.open("list"), Key: s.key, Source: src, Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
				ValidFor: time.Hour, Now: func() time.Time { return time.Unix(s.now, 0) },
			})
			require.NoError(t, err)
		}
		lines.add(t, jtiRow("a", s.now*1000, s.now+60))
		publish()
		s.now += 300
		moment := source.None
		if dated {
			moment = s.now * 1000
		}
		lines.add(t, jtiRow("a", moment, source.None))
		publish()
		for s.now < day-3600 {
			s.now += 1800
			publish()
		}
		require.True(t, s.revoked("a"))
	}
}

// A row without a moment that is read again does not prolong what it revoked.
func TestReadingAgainProlongsNothing(t *testing.T) {
	s := newScene(t)
	s.rows.rows = append(s.rows.rows, jtiRow("a", source.None, source.None))
	changed := 0
	for range 30 {
		r, err := s.run(s.open("list"), nil)
		require.NoError(t, err)
		changed += r.Changed
		s.now += 3600
	}
	require.Equal(t, 2, changed, "once at first, and once more after a life")
}
