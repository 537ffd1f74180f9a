package source

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
)

func TestRecord(t *testing.T) {
	at := time.Unix(1793278936, 250)
	want := []Row{
		{Names: []string{"client_id", "sub"}, Values: []string{"app\x00\n", "é\"'😀<&>"}, Before: 1793278937, Exp: 1793278946, RevokedAt: 1793278937, Reason: "why not", Issuer: "https://i"},
		{Names: []string{`de"vice`}, Values: []string{"007"}, Before: None, Exp: None, RevokedAt: None, Reinstate: true},
		{Before: 1793278937, Exp: None, RevokedAt: None},
		{Names: []string{"empty"}, Values: []string{""}, Before: None, Exp: None, RevokedAt: None},
	}
	for _, location := range []string{"sqlite:" + temp(t, "new.db"), temp(t, "new.jsonl")} {
		for i, row := range []NewRow{
			{Claims: map[string]string{"sub": "é\"'😀<&>", "client_id": "app\x00\n"}, Before: at, Exp: at.Add(9 * time.Second).Truncate(time.Second).Add(time.Nanosecond), RevokedAt: at, Reason: "why not", Issuer: "https://i"},
			{Claims: map[string]string{`de"vice`: "007"}, Reinstate: true},
			{Before: at},
			{Claims: map[string]string{"empty": ""}},
		} {
			id, err := Record(t.Context(), location, row)
			require.NoError(t, err)
			if strings.HasPrefix(location, "sqlite:") {
				require.EqualValues(t, i+1, id)
			}
		}
		rows, _, err := readAll(t, open(t, location, Options{}), nil)
		require.NoError(t, err)
		for i := range want {
			want[i].Line = int64(i + 1)
		}
		require.Equal(t, want, rows)
		info, err := os.Stat(strings.TrimPrefix(location, "sqlite:"))
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
}

func TestRecordRefused(t *testing.T) {
	sqlite, jsonl := "sqlite:"+temp(t, "a.db"), temp(t, "a.jsonl")
	for _, location := range []string{sqlite, jsonl} {
		for want, row := range map[string]NewRow{
			`: a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`: {},
			`, field "exp": that is a reserved column, and no claim to match`:                                            {Claims: map[string]string{"exp": "1"}},
			`, field "Exp": the reserved column is written in lower case: "exp"`:                                         {Claims: map[string]string{"Exp": "1"}},
			`, field "kid": it is empty, and no key has an empty id`:                                                     {Claims: map[string]string{"kid": ""}},
			`, field "sub": it is not UTF-8`:                                                                             {Claims: map[string]string{"sub": "\xff"}},
			`, field "before": -62135596799 is before 1970`:                                                              {Before: time.Time{}.Add(time.Second)},
			`, field "reason": it is not UTF-8`:                                                                          {Claims: map[string]string{"sub": "a"}, Reason: "\xff"},
		} {
			_, err := Record(t.Context(), location, row)
			require.EqualError(t, err, "the row for "+location+want)
		}
	}
	for _, location := range []string{"-", "rows.csv"} {
		_, err := Record(t.Context(), location, NewRow{Claims: map[string]string{"sub": "a"}})
		require.EqualError(t, err, fmt.Sprintf("cannot record a row in %q: that takes sqlite:path.db, postgres://user@host/database or rows.jsonl; others are written by whoever owns them", location))
	}
	_, err := Record(t.Context(), sqlite, NewRow{Claims: map[string]string{"ID": "a"}})
	require.ErrorContains(t, err, "the table revocations has a column id of its own; record such rows in a .jsonl file")
	_, err = Record(t.Context(), sqlite, NewRow{Claims: map[string]string{"Sub": "a"}})
	require.ErrorContains(t, err, "sqlite:", "a refusal leaves no table behind")
	_, err = Record(t.Context(), jsonl, NewRow{Claims: map[string]string{"sub": "a"}, Reason: strings.Repeat("x", maxLine)})
	require.ErrorContains(t, err, "the row takes more than the 65536 bytes of a line")
	_, err = Record(t.Context(), temp(t, "no/dir.jsonl"), NewRow{Claims: map[string]string{"sub": "a"}})
	require.ErrorContains(t, err, "nothing can be taken as recorded in ")
}

func TestRecordAfterUnterminatedLine(t *testing.T) {
	path := temp(t, "a.jsonl")
	row := NewRow{Claims: map[string]string{"jti": "b"}}
	write(t, path, `{"jti":"a"}`)
	_, err := Record(t.Context(), path, row)
	require.NoError(t, err)
	rows, _, err := readAll(t, open(t, path, Options{}), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, jtis(rows))

	write(t, path, "{\"jti\":\"a\"}\n{\"jti\":\"x")
	_, err = Record(t.Context(), path, row)
	require.EqualError(t, err, "nothing can be taken as recorded in "+path+": the last line of the file is cut off; mend it first, for whoever wrote it may count on it")
}

// Eight recorders at once, in a file that does not exist yet, while a reader
// follows with its cursor: it must see every row once, in order of the ids.
func TestRecordWhileReading(t *testing.T) {
	const writers, each = 8, 12
	for _, location := range []string{"sqlite:" + temp(t, "a.db"), temp(t, "a.jsonl")} {
		t.Run(filepath.Ext(location), func(t *testing.T) {
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						claims := map[string]string{"jti": fmt.Sprintf("%d-%d", w, i)}
						if i%5 == 4 {
							claims[fmt.Sprintf("own_%d", i)] = "x"
						}
						if _, err := Record(context.Background(), location, NewRow{Claims: claims}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			s := open(t, location, Options{})
			var cursor Cursor
			var got []string
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true // and one more reading
				default:
				}
				rows, result, err := readAll(t, s, cursor)
				if err != nil {
					// Before the first row there is no file, or no table.
					require.False(t, finished, err)
					require.Empty(t, got, err)
					continue
				}
				got = append(got, jtis(rows)...)
				cursor = result.Cursor
			}
			require.Len(t, got, writers*each)
			for w := range writers {
				last := -1
				for i := range each {
					at := slices.Index(got, fmt.Sprintf("%d-%d", w, i))
					require.Greater(t, at, last, "a writer's rows come in its order")
					last = at
				}
			}
		})
	}
}
