package publish

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
)

// A program's own source is held to the rules of rows, as files and databases are.
func TestRowsOfAProgramsOwnSource(t *testing.T) {
	b := newBench(t)
	for want, spoil := range map[string]func(*source.Row){
		"0 is not a time from the year 2000":       func(r *source.Row) { r.Exp = 0 },
		"1800000000 is not a time":                 func(r *source.Row) { r.Moment = noon / 1000 }, // in seconds
		"that is a reserved column":                func(r *source.Row) { r.Names = []string{"exp"} },
		"written in lower case":                    func(r *source.Row) { r.Names = []string{"Exp"} },
		"no key has an empty id":                   func(r *source.Row) { r.Names, r.Values = []string{"kid"}, []string{""} },
		"longer than 1024 bytes":                   func(r *source.Row) { r.Values = []string{strings.Repeat("x", 3000)} },
		"it is not UTF-8":                          func(r *source.Row) { r.Values = []string{"\xff"} },
		`a row that names no claim needs "before"`: func(r *source.Row) { r.Names, r.Values = nil, nil },
		"1 names and 0 values":                     func(r *source.Row) { r.Values = nil },
		"is later than now":                        func(r *source.Row) { r.Moment = noon + 6*minute },
		"a semicolon is in the name":               func(r *source.Row) { r.Names = []string{"a;b"} },
		"its names are not in byte order":          func(r *source.Row) { r.Names, r.Values = []string{"sub", "jti"}, []string{"a", "b"} },
	} {
		row := say("alice", noon)
		spoil(&row)
		_, err := b.run("a", row)
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, uint64(1), b.publish("a", say("alice", noon)).Version)
}

// A source that always shows everything need not have a cursor.
func TestASourceWithoutACursor(t *testing.T) {
	b := newBench(t)
	for range 3 {
		cfg := b.Config
		cfg.Source = &forgetful{said{name: "a", rows: []source.Row{say("alice", noon)}}}
		_, err := Run(t.Context(), cfg)
		require.NoError(t, err)
	}
	require.Empty(t, slices.Collect(maps.Values(b.state().Sources))[0].Cursor)
	_, err := Run(t.Context(), Config{Store: b.Store, Key: b.Key, ValidFor: b.ValidFor})
	require.ErrorContains(t, err, "needs a store, a key and a source")
}

type forgetful struct{ said }

func (s *forgetful) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	result, err := s.said.Read(ctx, nil, visit)
	result.Cursor = nil
	return result, err
}

// With a snapshot for every version, a version without changes has one too: it replaces a snapshot
// that was lost.
func TestASnapshotWithEveryVersion(t *testing.T) {
	b := newBench(t)
	b.publish("a", say("alice", noon))
	b.SnapshotEvery = 1
	for range 3 {
		r := b.publish("a", say("alice", noon))
		require.True(t, slices.ContainsFunc(r.Objects, func(o signer.Object) bool { return o.From == 0 }), "version %d", r.Version)
		require.Zero(t, r.Changed)
	}
	require.Equal(t, 1, b.state().List.Len())
}
