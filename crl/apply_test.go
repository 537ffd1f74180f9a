package crl

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// world is the naive model of a list: a map, and the keys that a version touched.
type world struct {
	entries map[entryID]Entry
	touched map[uint64]map[entryID]bool
}

type entryID struct {
	rule uint8
	form form
	key  uint64
}

func idOf(e Entry) entryID { return entryID{e.Rule, e.form(), e.Key} }

// step makes the next version: it adds, changes and removes some entries and
// then drops what expired.
func (w *world) step(r *rand.Rand, version uint64, dropped int64) {
	touched := map[entryID]bool{}
	set := func(e Entry) { w.entries[idOf(e)] = e; touched[idOf(e)] = true }
	for range r.IntN(40) {
		e := Entry{Rule: 1 + uint8(r.IntN(3)), Key: r.Uint64() >> (64 - 9) << r.IntN(40), Before: Always, Exp: 100 * r.Int64N(30)}
		if r.IntN(2) == 0 {
			e.Before = r.Int64N(1000)
		}
		if r.IntN(20) == 0 {
			e.Exp = Never
		}
		set(e)
	}
	for id := range w.entries {
		if r.IntN(10) == 0 {
			delete(w.entries, id)
			touched[id] = true
		}
	}
	w.touched[version] = touched
	for id, e := range w.entries {
		if e.Exp <= dropped {
			delete(w.entries, id)
		}
	}
}

func (w *world) list() []Entry {
	var all []Entry
	for _, e := range w.entries {
		all = append(all, e)
	}
	return all
}

// delta is the canonical delta (from, to], straight from its definition.
func (w *world) delta(t *testing.T, from, to uint64) *File {
	var entries, removed []Entry
	seen := map[entryID]bool{}
	for v := from + 1; v <= to; v++ {
		for id := range w.touched[v] {
			if seen[id] {
				continue
			}
			seen[id] = true
			if e, ok := w.entries[id]; ok {
				entries = append(entries, e)
				continue
			}
			gone := Entry{Rule: id.rule, Key: id.key}
			if id.form == formOutright {
				gone.Before = Always
			}
			removed = append(removed, gone)
		}
	}
	return mustBuild(t, from, to, entries, removed)
}

func TestDeltasLeadToTheSameBytesFromEveryVersion(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 99))
		w := &world{map[entryID]Entry{}, map[uint64]map[entryID]bool{}}
		const first = 3
		w.step(r, first, 0)
		state := mustBuild(t, 0, first, w.list(), nil)
		states, sums := []*File{state}, []Checksum{state.Checksum()}
		var window *File // composed of all deltas so far
		var steps []*File
		for v := uint64(first + 1); v < first+12; v++ {
			dropped := int64(v) * 50
			w.step(r, v, dropped)
			want := mustBuild(t, 0, v, w.list(), nil)
			delta := w.delta(t, v-1, v)

			next, sum, err := Apply(states[len(states)-1], sums[len(sums)-1], delta, dropped)
			require.NoError(t, err)
			require.Equal(t, want.Bytes(), next.Bytes())
			require.Equal(t, want.Moments(), next.Moments())
			require.Equal(t, want.Checksum(), sum)

			if window == nil {
				window = delta
			} else {
				window, err = Compose(window, delta)
				require.NoError(t, err)
				require.NoError(t, window.Verify())
			}
			steps = append(steps, delta)
			all, err := ComposeAll(steps...)
			require.NoError(t, err)
			require.Equal(t, window.Bytes(), all.Bytes())
			require.Equal(t, window.Moments(), all.Moments())
			for i, old := range states {
				got, sum, err := Apply(old, sums[i], window, dropped)
				require.NoError(t, err)
				require.Equal(t, want.Bytes(), got.Bytes(), "from version %d to %d", old.To(), v)
				require.Equal(t, want.Moments(), got.Moments())
				require.Equal(t, want.Checksum(), sum)

				entries, removed := Diff(old, want)
				got, _, err = Apply(old, sums[i], mustBuild(t, old.To(), v, entries, removed), dropped)
				require.NoError(t, err)
				require.Equal(t, want.Bytes(), got.Bytes())
				require.Equal(t, want.Moments(), got.Moments())
			}
			states, sums = append(states, next), append(sums, sum)
		}
	}
}

func TestDroppingAloneKeepsTheVersion(t *testing.T) {
	keep, drop := Entry{Rule: 1, Key: 1, Before: Always, Exp: 101}, Entry{Rule: 1, Key: 2, Before: Always, Exp: 100}
	state := mustBuild(t, 0, 4, []Entry{keep, drop}, nil)
	require.Equal(t, int64(100), state.NextExpiry())
	next, sum, err := Apply(state, state.Checksum(), nil, 100)
	require.NoError(t, err)
	require.Equal(t, uint64(4), next.To())
	require.Equal(t, []Entry{keep}, slices.Collect(next.Entries()))
	require.Equal(t, next.Checksum(), sum)
}

func TestApplyRefusesADeltaThatDoesNotContinue(t *testing.T) {
	state := mustBuild(t, 0, 5, nil, nil)
	for _, d := range []*File{mustBuild(t, 6, 7, nil, nil), mustBuild(t, 4, 5, nil, nil), mustBuild(t, 0, 9, nil, nil)} {
		_, _, err := Apply(state, Checksum{}, d, 0)
		require.Error(t, err)
	}
	_, _, err := Apply(mustBuild(t, 1, 5, nil, nil), Checksum{}, nil, 0)
	require.Error(t, err, "a delta is no state")
	for _, compose := range []func(...*File) (*File, error){ComposeAll, func(d ...*File) (*File, error) { return Compose(d[0], d[1]) }} {
		_, err = compose(mustBuild(t, 1, 5, nil, nil), mustBuild(t, 6, 7, nil, nil))
		require.ErrorContains(t, err, "do not continue")
	}
	_, err = ComposeAll()
	require.Error(t, err)
	_, err = ComposeAll(mustBuild(t, 0, 5, nil, nil), mustBuild(t, 5, 7, nil, nil))
	require.ErrorContains(t, err, "is no change")
}
