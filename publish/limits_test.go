package publish

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
)

// fileOf is a file of JSON Lines.
func (b *bench) fileOf(skip bool, rows ...source.Row) source.Source {
	b.Helper()
	path := filepath.Join(b.TempDir(), "rows.jsonl")
	require.NoError(b, os.WriteFile(path, jsonLines(b, rows...), 0o600))
	s, err := file.Open(path, file.Options{SkipBadRows: skip})
	require.NoError(b, err)
	return s
}

func (b *bench) runOn(s source.Source) (*Result, error) {
	return Run(b.Context(), withSource(b.Config, s))
}

// A list has any number of sources. Names of sources are in the ledger, so the manifest stays
// small.
func TestManySources(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const many = 300
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		for i := range many {
			b.SourceName = fmt.Sprint(strings.Repeat("long ", 40), i)
			var all []source.Row
			for n := range 300 {
				if round > 0 || i%50 > 0 {
					break
				}
				all = append(all, reinstate(fmt.Sprint(i, " ", n), noon))
			}
			r := b.publish("any", append(all, say(fmt.Sprint(i), noon))...)
			require.Empty(t, r.Warnings)
		}
	}
	state := b.state()
	require.Len(t, state.Sources, many)
	numbers := map[uint32]bool{}
	for _, s := range state.Sources {
		numbers[s.Number] = true
	}
	require.Len(t, numbers, many)
	require.Less(t, len(state.Version.Bytes), signer.MaxManifestSize/4)
	for i := range many {
		if i%37 == 0 {
			require.True(t, b.refuses(fmt.Sprint(i)))
		}
	}
}

func TestNamesOfSources(t *testing.T) {
	b := newBench(t)
	b.SourceName = strings.Repeat("é", maxSourceName/2)
	b.publish("any", say("alice", noon))
	require.Contains(t, b.state().Sources, b.SourceName)
	b.SourceName += "x"
	_, err := b.run("any", say("bob", noon))
	require.ErrorContains(t, err, "has 257 bytes, and 256 are the most")
	require.False(t, b.refuses("bob"))
}

// A row that needs one rule too many is a bad row, which the error names. The rows of known rules
// go on, and so do all others if bad rows are skipped.
func TestMoreRulesThanAListHolds(t *testing.T) {
	long := strings.Repeat("claim", 10)
	for name, claims := range map[string]func(i int) []string{
		"by number": func(i int) []string { return []string{fmt.Sprint("claim-", i)} },
		"by length": func(i int) []string {
			return []string{fmt.Sprint(long, i), fmt.Sprint(long, i, "b"), fmt.Sprint(long, i, "c")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var all []source.Row
			for i := range crl.MaxRules + 10 {
				row := say("x", noon)
				row.Names = claims(i)
				row.Values = make([]string, len(row.Names))
				all = append(all, row)
			}
			all = append(all, say("alice", noon)) // needs a new rule, too
			b.publish("own", say("bob", noon))
			_, err := b.runOn(b.fileOf(false, all...))
			var bad *source.BadRowError
			require.ErrorAs(t, err, &bad)
			require.Positive(t, bad.Line)
			require.ErrorContains(t, err, fmt.Sprintf("rows.jsonl line %d: it needs the new rule claim", bad.Line))
			require.ErrorContains(t, err, "the list has no room for more than its")

			all[len(all)-1] = say("carol", noon)
			r, err := b.runOn(b.fileOf(true, all...))
			require.NoError(t, err)
			require.EqualValues(t, int64(len(all))-r.Rows, r.SkippedRows)
			require.Positive(t, r.SkippedRows)
			require.Equal(t, bad.Line, r.Skipped[0].Line)
			require.True(t, b.refuses("bob"))
			require.True(t, b.refuses("carol"))
			b.publish("own")
			b.publish("own", say("dave", noon))
			require.True(t, b.refuses("dave"))
			require.Less(t, len(b.state().Version.Bytes), signer.MaxManifestSize)
		})
	}
}

// A decision later than clocks may differ is a bad row with its place. One that is as late as they
// may counts.
func TestADecisionInTheFuture(t *testing.T) {
	b := newBench(t)
	b.publish("own")
	now := b.now.UnixMilli()
	latest := now + 5*minute
	all := []source.Row{say("alice", latest), say("bob", latest+1), say("carol", now)}
	_, err := b.runOn(b.fileOf(false, all...))
	var bad *source.BadRowError
	require.ErrorAs(t, err, &bad)
	require.EqualValues(t, 2, bad.Line)
	require.Equal(t, "revoked_at", bad.Field)
	require.ErrorContains(t, err, `rows.jsonl line 2, field "revoked_at": 2027-01-15T08:05:01.001Z is later than now, 2027-01-15T08:00:01.000Z, by more than the 5m0s that clocks may differ`)
	require.False(t, b.refuses("alice"), "nothing was published")

	r, err := b.runOn(b.fileOf(true, all...))
	require.NoError(t, err)
	require.EqualValues(t, 1, r.SkippedRows)
	require.True(t, b.refuses("alice"))
	require.False(t, b.refuses("bob"))
	require.True(t, b.refuses("carol"))
}

// A reinstatement from a clock that is ahead does not hide revocations for longer than clocks
// differ.
func TestAReinstatementFromAClockThatIsAhead(t *testing.T) {
	b := newBench(t)
	b.publish("auth", say("alice", noon-minute))
	b.publish("support", reinstate("alice", b.now.UnixMilli()+4*minute))
	require.False(t, b.refuses("alice"))
	b.publish("auth", say("alice", b.now.UnixMilli()))
	require.True(t, b.refuses("alice"))
}

// wide is a source with a cursor of some size.
type wide struct {
	said
	bytes int
}

func (w *wide) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	r, err := w.said.Read(ctx, since, visit)
	r.Cursor = append(append([]byte{'"'}, bytes.Repeat([]byte{'x'}, w.bytes-2)...), '"')
	return r, err
}

func TestCursorsAreBounded(t *testing.T) {
	b := newBench(t)
	src := &wide{said{name: "own", rows: []source.Row{say("alice", noon)}}, source.MaxCursor}
	_, err := b.runOn(src)
	require.NoError(t, err)
	src.bytes++
	src.rows = append(src.rows, say("bob", noon))
	_, err = b.runOn(src)
	require.ErrorContains(t, err, "the cursor of own has 2049 bytes, and must be JSON of at most 2048")
	require.True(t, b.refuses("alice"))
	require.False(t, b.refuses("bob"))
}

// The cursors of the sources that come with Revocast stay within the limit.
func TestCursorsOfFiles(t *testing.T) {
	b := newBench(t)
	var all []source.Row
	for i := range 5000 {
		all = append(all, say(fmt.Sprint(i), noon))
	}
	_, err := b.runOn(b.fileOf(false, all...))
	require.NoError(t, err)
	table := newLiteTable(t, filepath.Join(t.TempDir(), "rows.db"))
	table.show(t, all)
	_, err = b.runOn(table.open(t))
	require.NoError(t, err)
	for _, s := range b.state().Sources {
		require.Less(t, len(s.Cursor), source.MaxCursor)
	}
}
