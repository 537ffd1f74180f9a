package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/source/sqlite"
)

// A store is a kind of source that decisions can be recorded in.
type store struct {
	path   string
	record func(source.Decision) error
	source source.Source
}

// stores are a file and a database that do not exist yet.
func stores(t *testing.T) []store {
	jsonl, db := filepath.Join(t.TempDir(), "new.jsonl"), filepath.Join(t.TempDir(), "new.db")
	lines, err := file.Open(jsonl, file.Options{})
	require.NoError(t, err)
	return []store{
		{jsonl, func(d source.Decision) error { return file.Record(jsonl, d) }, lines},
		{db, func(d source.Decision) error {
			_, err := sqlite.Record(context.Background(), db, d)
			return err
		}, sqlite.Open(db, sqlite.Options{})},
	}
}

// A decision is read as it was recorded, rounded up, and only its owner may read the file.
func TestRecord(t *testing.T) {
	at := time.Unix(1793278936, 250)
	const sec, ms = 1793278937, 1793278936_001
	for _, s := range stores(t) {
		for _, d := range []source.Decision{
			{Claims: map[string]string{"sub": "é\"'😀<&>", "client_id": "app\x00\n"}, Before: at, Exp: at.Add(9 * time.Second).Truncate(time.Second).Add(time.Nanosecond), Moment: at, Reason: "why not", Issuer: "https://i"},
			{Claims: map[string]string{`de"vice`: "007"}, Reinstate: true, Moment: at},
			{Before: at, Moment: at},
			{Claims: map[string]string{"empty": ""}, Moment: at.Add(122 * time.Millisecond)},
		} {
			require.NoError(t, s.record(d))
		}
		rows, _, err := sourcetest.Read(t, s.source, nil)
		require.NoError(t, err)
		require.Equal(t, []source.Row{
			{Line: 1, Names: []string{"client_id", "sub"}, Values: []string{"app\x00\n", "é\"'😀<&>"}, Before: sec, Exp: sec + 9, Moment: ms, Reason: "why not", Issuer: "https://i"},
			{Line: 2, Names: []string{`de"vice`}, Values: []string{"007"}, Before: source.None, Exp: source.None, Moment: ms, Reinstate: true},
			{Line: 3, Before: sec, Exp: source.None, Moment: ms},
			{Line: 4, Names: []string{"empty"}, Values: []string{""}, Before: source.None, Exp: source.None, Moment: ms + 122},
		}, rows)
		info, err := os.Stat(s.path)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
}

// A decision that reading would refuse is not recorded.
func TestRecordRefused(t *testing.T) {
	for _, s := range stores(t) {
		for want, d := range map[string]source.Decision{
			`: a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`: {},
			`, field "exp": that is a reserved column, and no claim to match`:                                            {Claims: map[string]string{"exp": "1"}},
			`, field "Exp": the reserved column is written in lower case: "exp"`:                                         {Claims: map[string]string{"Exp": "1"}},
			`, field "kid": it is empty, and no key has an empty id`:                                                     {Claims: map[string]string{"kid": ""}},
			`, field "sub": it is not UTF-8`:                                                                             {Claims: map[string]string{"sub": "\xff"}},
			`, field "sub": it is longer than 1024 bytes`:                                                                {Claims: map[string]string{"sub": strings.Repeat("é", 513)}},
			`, field "before": -62135596799 is before the year 2000, when no token had been issued; a time is a moment in Unix seconds or RFC 3339, not a duration or a day`: {Before: time.Time{}.Add(time.Second)},
			`, field "exp": 4070908800000 is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339`:                                                {Claims: map[string]string{"sub": "a"}, Exp: time.Unix(4070908800000, 0)},
			`, field "reason": it is not UTF-8`: {Claims: map[string]string{"sub": "a"}, Reason: "\xff"},
		} {
			require.EqualError(t, s.record(d), "the row for "+s.source.String()+want)
		}
		require.NoFileExists(t, s.path)
	}
}

// Eight recorders start at once with a file that does not exist yet, while a reader follows with
// its cursor. The reader sees every row once, in the order of its recorder.
func TestRecordWhileReading(t *testing.T) {
	const writers, each = 8, 12
	for _, s := range stores(t) {
		t.Run(filepath.Ext(s.path), func(t *testing.T) {
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						claims := map[string]string{"jti": fmt.Sprintf("%d-%d", w, i)}
						if i%5 == 4 {
							claims[fmt.Sprintf("own_%d", i)] = "x"
						}
						if err := s.record(source.Decision{Claims: claims}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			var cursor source.Cursor
			var got []string
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true // and one more reading
				default:
				}
				rows, result, err := sourcetest.Read(t, s.source, cursor)
				if err != nil {
					// Before the first row there is no file, or no table.
					require.False(t, finished, err)
					require.Empty(t, got, err)
					continue
				}
				got = append(got, sourcetest.FirstClaims(rows)...)
				cursor = result.Cursor
			}
			require.Len(t, got, writers*each)
			for w := range writers {
				last := -1
				for i := range each {
					at := slices.Index(got, fmt.Sprintf("%d-%d", w, i))
					require.Greater(t, at, last)
					last = at
				}
			}
		})
	}
}
