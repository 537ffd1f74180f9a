package ledger

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
)

const now = 1_800_000_000 // in seconds

type claims struct {
	rule uint8
	key  uint64
}

// A growing is a ledger that changes at random, and what it must hold.
type growing struct {
	*testing.T
	r       *rand.Rand
	version uint64
	entries map[claims]crl.Entry
}

func (g *growing) claims() claims { return claims{uint8(1 + g.r.IntN(3)), uint64(g.r.IntN(40)) << 58} }

func (g *growing) entry(c claims) crl.Entry {
	e := crl.Entry{Rule: c.rule, Key: c.key, Before: crl.Always, Exp: crl.Never, Moment: now*1000 + g.r.Int64N(1e9)}
	if g.r.IntN(3) == 0 {
		e.Before = now + g.r.Int64N(1000)
	}
	if g.r.IntN(3) > 0 {
		e.Exp = now + 100*g.r.Int64N(30)
	}
	return e
}

func (g *growing) reinstatements() Reinstatements {
	all := Reinstatements{}
	for range g.r.IntN(10) {
		c := g.claims()
		all = append(all, Reinstatement{
			Rule: c.rule, Key: c.key, Moment: now*1000 + g.r.Int64N(1e9), Over: g.r.Int64N(2) * now * 1000,
			Source: uint32(1 + g.r.IntN(300)), Exp: now + 100*g.r.Int64N(30),
		})
	}
	slices.SortFunc(all, compareReinstatements)
	return slices.CompactFunc(all, func(a, b Reinstatement) bool { return compareReinstatements(a, b) == 0 })
}

func (g *growing) sources() map[string]Source {
	n := g.r.IntN(5)
	return map[string]Source{fmt.Sprint("source ", n): {Number: uint32(n + 1), Cursor: []byte(fmt.Sprintf(`{"read":%d}`, g.version))}}
}

// first returns the state of a first version.
func (g *growing) first() *State {
	g.version = 1
	for range g.r.IntN(60) {
		c := g.claims()
		g.entries[c] = g.entry(c)
	}
	all := slices.Collect(maps.Values(g.entries))
	f, err := crl.Build(0, 1, slices.Clone(all), nil)
	require.NoError(g, err)
	list, err := crl.NewList(f, crl.ChecksumOf(all))
	require.NoError(g, err)
	return &State{List: list, Reinstated: g.reinstatements(), Sources: g.sources(), Line: Line{To: 1, Changes: 1}}
}

// next returns what the next version changes. One in some changes no entry.
func (g *growing) next() *Delta {
	d := &Delta{From: g.version, To: g.version + 1, Reinstated: g.reinstatements(), Sources: g.sources()}
	g.version++
	if g.r.IntN(4) == 0 {
		return d
	}
	from := g.version - 1
	var entries, removed []crl.Entry
	changed := map[claims]bool{}
	for range g.r.IntN(12) {
		c := g.claims()
		if changed[c] {
			continue
		}
		changed[c] = true
		old, there := g.entries[c]
		e, stays := g.entry(c), g.r.IntN(3) > 0
		if there && (!stays || old.Outright() != e.Outright()) {
			removed = append(removed, old)
		}
		delete(g.entries, c)
		if stays {
			entries = append(entries, e)
			g.entries[c] = e
		}
	}
	var err error
	d.Changes, err = crl.Build(from, g.version, entries, removed)
	require.NoError(g, err)
	return d
}

func newGrowing(t *testing.T, seed uint64) *growing {
	return &growing{T: t, r: rand.New(rand.NewPCG(seed, 8)), entries: map[claims]crl.Entry{}}
}

func equalStates(t *testing.T, want, got *State, what string) {
	t.Helper()
	require.Equal(t, want.Sources, got.Sources, what)
	require.Equal(t, len(want.Reinstated), len(got.Reinstated), what)
	require.Equal(t, want.Reinstated, got.Reinstated, what)
	require.Equal(t, want.List.Sum(), got.List.Sum(), what)
	require.Equal(t, want.List.Len(), got.List.Len(), what)
	a, err := want.List.Whole()
	require.NoError(t, err)
	b, err := got.List.Whole()
	require.NoError(t, err)
	require.True(t, a.Snapshot().Equal(b.Snapshot()), what)
}

// A composed delta does what its parts do one after the other, wherever they are cut.
func TestCompose(t *testing.T) {
	for seed := range uint64(200) {
		g := newGrowing(t, seed)
		base := g.first()
		// A delta without entries starts where the last one with entries ended, as publishers write it.
		var deltas []*Delta
		step := base
		dropped := int64(now)
		to := uint64(1)
		for range 1 + g.r.IntN(9) {
			d := g.next()
			if d.Changes != nil && d.Changes.From() != to {
				continued, err := crl.Build(to, d.To, slices.Collect(d.Changes.Entries()), slices.Collect(d.Changes.Removed()))
				require.NoError(t, err)
				d.Changes = continued
			}
			if d.Changes != nil {
				to = d.To
			}
			deltas = append(deltas, d)
			dropped += g.r.Int64N(300)
			var err error
			step, err = step.Apply(d, dropped)
			require.NoError(t, err)
		}
		all, err := Compose(deltas...)
		require.NoError(t, err)
		once, err := base.Apply(all, dropped)
		require.NoError(t, err)
		equalStates(t, step, once, fmt.Sprint("seed ", seed))

		cut := g.r.IntN(len(deltas))
		parts := deltas[cut:]
		if cut > 0 {
			head, err := Compose(deltas[:cut]...)
			require.NoError(t, err)
			parts = append([]*Delta{head}, parts...)
		}
		again, err := Compose(parts...)
		require.NoError(t, err)
		twice, err := base.Apply(again, dropped)
		require.NoError(t, err)
		equalStates(t, step, twice, fmt.Sprint("seed ", seed, ", cut at ", cut))
	}
}

func block(data []byte) *memory.Block {
	b := memory.Make(len(data))
	copy(b.Bytes(), data)
	return b
}

// objects are deltas of all kinds: with and without entries, snapshots, and records.
func objects(t *testing.T) []*Delta {
	g := newGrowing(t, 1)
	first := g.first()
	record := &Record{Source: "auth", Reasons: []Reason{{1, 7, "why not"}, {2, 1 << 63, "é\n"}}, Line: Line{
		Changes: 3, Objects: []signer.Object{{To: 1, Changes: 1, Size: 3, RawSize: 4, SHA256: make([]byte, 32), Checksum: make([]byte, 32)}},
	}}
	changes := g.next()
	for changes.Changes == nil {
		changes = g.next()
	}
	with := *changes
	with.Record = record
	return []*Delta{
		first.Snapshot(), changes, &with,
		{From: 3, To: 4, Sources: g.sources()},
		{From: 3, To: 9, Reinstated: Reinstatements{{Rule: 1, Key: 1, Moment: 1, Over: 0, Source: 1 << 31, Exp: crl.Never}}},
	}
}

func TestEncoding(t *testing.T) {
	for i, d := range objects(t) {
		raw, err := d.Encode()
		require.NoError(t, err)
		back, err := Decode(block(raw))
		require.NoError(t, err)
		require.Equal(t, d.From, back.From)
		require.Equal(t, d.To, back.To)
		require.Equal(t, len(d.Reinstated), len(back.Reinstated))
		if len(d.Reinstated) > 0 {
			require.Equal(t, d.Reinstated, back.Reinstated)
		}
		require.Equal(t, d.Sources, back.Sources)
		require.Equal(t, d.Moments, back.Moments)
		if d.Changes != nil {
			require.True(t, d.Changes.Equal(back.Changes), "object %d", i)
		}
		if d.Record != nil {
			want := *d.Record
			want.Line.To = d.To
			require.Equal(t, &want, back.Record)
		}
		again, err := back.Encode()
		require.NoError(t, err)
		require.Equal(t, raw, again)
	}
}

// An object that is cut anywhere is refused. One with other bits is refused or stays within bounds.
func TestBrokenEncodings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	refused := 0
	for _, d := range objects(t) {
		raw, err := d.Encode()
		require.NoError(t, err)
		for n := range raw {
			_, err := Decode(block(raw[:n]))
			require.Error(t, err, "the first %d bytes of %d", n, len(raw))
		}
		_, err = Decode(block(append(slices.Clone(raw), 0)))
		require.Error(t, err)
		for range 3000 {
			broken := slices.Clone(raw)
			for range 1 + r.IntN(3) {
				broken[r.IntN(len(broken))] ^= 1 << r.IntN(8)
			}
			d, err := Decode(block(broken))
			if err != nil {
				refused++
				continue
			}
			if d.Changes != nil {
				_ = slices.Collect(d.Changes.Entries())
				_ = slices.Collect(d.Changes.Removed())
			}
			_, err = d.Encode()
			require.NoError(t, err)
		}
	}
	require.Greater(t, refused, 3000)
}
