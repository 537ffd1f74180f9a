package publish

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
)

// said is a source that a program brings along: it shows the same rows every time.
type said struct {
	name   string
	rows   []source.Row
	cursor int // makes the cursor another one
}

func (s *said) String() string { return s.name }

func (s *said) Read(_ context.Context, _ source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	for _, row := range s.rows {
		if err := visit(&row); err != nil {
			return source.Result{}, err
		}
	}
	cursor, err := json.Marshal(s.cursor)
	return source.Result{Cursor: cursor, Rows: int64(len(s.rows)), Full: true}, err
}

func (s *said) Watch(context.Context, func(), func(string)) {}

// say is a row about a user.
func say(sub string, moment int64) source.Row {
	return source.Row{Names: []string{"sub"}, Values: []string{sub}, Before: source.None, Exp: source.None, Moment: moment}
}

func reinstate(sub string, moment int64) source.Row {
	row := say(sub, moment)
	row.Reinstate = true
	return row
}

const testIssuer = "https://issuer.example"

// bench is a list on a table, for a story.
type bench struct {
	*testing.T
	Config
	now time.Time
}

func newBench(t *testing.T) *bench {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	b := &bench{T: t, now: time.UnixMilli(noon)}
	b.Config = Config{
		Store: newMemory(), Cache: newMemory(), Key: key, ValidFor: time.Hour,
		Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
		Now: func() time.Time { return b.now },
	}
	return b
}

func (b *bench) run(name string, rows ...source.Row) (*Result, error) {
	cfg := b.Config
	cfg.Source = &said{name: name, rows: rows}
	r, err := Run(b.Context(), cfg)
	b.now = b.now.Add(time.Second)
	return r, err
}

func (b *bench) publish(name string, rows ...source.Row) *Result {
	b.Helper()
	r, err := b.run(name, rows...)
	require.NoError(b, err)
	return r
}

// refuses reports whether a reader refuses a user's token.
func (b *bench) refuses(sub string) bool {
	b.Helper()
	c, err := client.Open(b.Context(), client.Config{Store: b.Store, Keys: b.Key.Public(), Now: b.Now})
	require.NoError(b, err)
	require.NoError(b, c.Status().Err)
	now := b.now.Unix()
	err = c.Check(client.Token{Claims: map[string]any{"iss": testIssuer, "sub": sub, "iat": now, "exp": now + 3600}})
	if err != nil {
		require.ErrorAs(b, err, new(*client.RevokedError))
	}
	return err != nil
}

// state loads the newest state from the store alone, and compares it with the reader's list.
func (b *bench) state() *ledger.State {
	b.Helper()
	keys := b.Key.Public()
	head, err := history.Head(b.Context(), b.Store, keys, nil)
	require.NoError(b, err)
	s, err := ledger.Load(b.Context(), &ledger.Objects{Bucket: b.Store}, head, nil)
	require.NoError(b, err)
	reader, err := history.Load(b.Context(), b.Store, head, nil)
	require.NoError(b, err)
	require.Equal(b, reader.List.Sum(), s.List.Sum())
	require.Equal(b, reader.List.Len(), s.List.Len())
	return s
}

// Everything that a run with the cache knows, a run without it loads from the store.
func TestACacheKnowsWhatTheStoreKnows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 300 {
		moment := noon + int64(i)*1000
		var r *Result
		switch i % 4 {
		case 0:
			r = b.publish("a", say(fmt.Sprint("u", i), moment))
		case 1:
			r = b.publish("a", reinstate(fmt.Sprint("u", i/2), moment), say("again", moment))
		case 2:
			r = b.publish(fmt.Sprint("source ", i))
		default:
			r = b.publish("a")
		}
		require.Empty(t, r.Warnings, "version %d", r.Version)
		if i%13 != 0 {
			continue
		}
		cached, err := newPublisher(withSource(b.Config, &said{name: "a"}))
		require.NoError(t, err)
		there, warnings, err := cached.position(t.Context())
		require.NoError(t, err)
		require.Empty(t, warnings)
		stored := b.state()
		require.Equal(t, stored.Reinstated, there.Reinstated)
		require.Equal(t, stored.Sources, there.Sources)
		require.Equal(t, stored.Line, there.Line)
		want, err := stored.List.Whole()
		require.NoError(t, err)
		got, err := there.List.Whole()
		require.NoError(t, err)
		require.True(t, want.Snapshot().Equal(got.Snapshot()), "the entries and their moments at version %d", r.Version)
	}
}

func withSource(cfg Config, s source.Source) Config {
	cfg.Source = s
	return cfg
}

// A cursor that moves for months while no entry changes fills no disk.
func TestTheCacheStaysSmallWhileOnlyCursorsMove(t *testing.T) {
	b := newBench(t)
	b.publish("a", say("alice", noon))
	most := 0
	for i := range 600 {
		cfg := withSource(b.Config, &said{name: "a", cursor: i + 1})
		r, err := Run(t.Context(), cfg)
		require.NoError(t, err)
		require.Empty(t, r.Warnings)
		b.now = b.now.Add(time.Second)
		infos, err := b.Cache.List(t.Context(), "", "")
		require.NoError(t, err)
		most = max(most, len(infos))
	}
	require.Less(t, most, 300)
	counted := &faulty.Store{Store: b.Store}
	cached, err := newPublisher(withSource(Config{Store: counted, Cache: b.Cache, Key: b.Key, ValidFor: time.Hour}, &said{name: "a"}))
	require.NoError(t, err)
	_, warnings, err := cached.position(t.Context())
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.EqualValues(t, 4, counted.Done(), "the cache leads to the newest version")
}

// A cache that lost its newest manifest still knows an older version, which the store must have.
func TestACacheWithoutItsManifestNoticesAStoreThatWasSetBack(t *testing.T) {
	b := newBench(t)
	b.publish("a", say("alice", noon))
	older := b.Store.(*memory).clone()
	for i := range wholeEvery {
		b.publish("a", say(fmt.Sprint("u", i), noon))
	}
	require.NoError(t, b.Cache.Delete(t.Context(), "manifest.jwt"))
	b.Store = older
	_, err := b.run("a")
	_, ok := errors.AsType[*LostError](err)
	require.True(t, ok, "%v", err)
}
