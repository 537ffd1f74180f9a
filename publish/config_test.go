package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

// Time does not pass without an interval.
func TestEveryNeedsAnInterval(t *testing.T) {
	for _, interval := range []time.Duration{0, -time.Second} {
		err := Every(t.Context(), config(t, &said{name: "a"}), interval, func(*Result, error) { t.Error("it ran") })
		require.ErrorContains(t, err, "interval")
	}
}

// The ledger writes names in JSON, which has no other text. A name that came back as another one
// would be a new source in each run.
func TestASourceNameIsText(t *testing.T) {
	for _, name := range []string{"a\xff", "a\nb", "\x1b[2J", strings.Repeat("a", 257)} {
		cfg := config(t, &said{name: "a"})
		cfg.SourceName = name
		_, err := Run(t.Context(), cfg)
		require.ErrorContains(t, err, "the name")
	}
}

// A source of the caller's own may break its contract. Its row would match no token.
func TestRowsAgainstTheContractAreBad(t *testing.T) {
	row := say("alice", noon)
	row.Names, row.Values = []string{"client_id", "sub"}, []string{"app", "alice"}
	for name, spoil := range map[string]func(*source.Row){
		"names out of order": func(r *source.Row) { r.Names = []string{"sub", "client_id"} },
		"a value too few":    func(r *source.Row) { r.Values = r.Values[:1] },
		"a name of two":      func(r *source.Row) { r.Names = []string{"client_id+sub"} },
		"a moment too early": func(r *source.Row) { r.Moment = -2 },
		"before too early":   func(r *source.Row) { r.Before = -2 },
		"exp too late":       func(r *source.Row) { r.Exp = 1 << 62 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.publish("a", row)
			bad := row
			spoil(&bad)
			_, err := b.run("a", bad)
			var badRow *source.BadRowError
			require.ErrorAs(t, err, &badRow)
		})
	}
}

// failing cannot be read while it has an error.
type failing struct {
	said
	err error
}

func (f *failing) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	if f.err != nil {
		return source.Result{}, f.err
	}
	return f.said.Read(ctx, since, visit)
}

// A warning about the cache or the ledger waits for the run that has a result to tell it.
func TestWarningsOutliveFailedRuns(t *testing.T) {
	b := newBench(t)
	b.Cache = nil
	b.publish("a", say("alice", noon))
	infos, err := b.Store.List(t.Context(), "ledger/", "")
	require.NoError(t, err)
	for _, info := range infos {
		require.NoError(t, b.Store.Delete(t.Context(), info.Name))
	}
	s := &failing{said: said{name: "a"}, err: errors.New("not today")}
	p, err := newPublisher(withSource(b.Config, s))
	require.NoError(t, err)
	_, err = p.run(t.Context())
	require.ErrorIs(t, err, s.err)
	s.err = nil
	r, err := p.run(t.Context())
	require.NoError(t, err)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, fmt.Sprint(r.Warnings), "the ledger is begun again")
	r, err = p.run(t.Context())
	require.NoError(t, err)
	require.Empty(t, r.Warnings)
}
