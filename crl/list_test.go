package crl

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list that takes one delta after the other answers as the state that was built
// from scratch does, and becomes the same bytes when it is made whole.
func TestListFollowsTheState(t *testing.T) {
	var overlays, merges int
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := &world{map[entryID]Entry{}, map[uint64]map[entryID]bool{}}
		w.step(r, 1, 0)
		state := mustBuild(t, 0, 1, w.list(), nil)
		list, err := NewList(state, state.Checksum())
		require.NoError(t, err)
		dropped, from := int64(0), uint64(1)
		for v := uint64(2); v < 40; v++ {
			if r.IntN(8) == 0 {
				dropped += 50
			}
			w.step(r, v, dropped)
			if r.IntN(4) == 0 {
				continue // this reader skips the version
			}
			// A delta may begin before the version that it is applied to.
			list, err = list.Apply(w.delta(t, from-min(from-1, uint64(r.IntN(3))), v), dropped)
			require.NoError(t, err)
			from = v
			want := mustBuild(t, 0, v, w.list(), nil)
			require.Equal(t, want.Len(), list.Len())
			require.Equal(t, want.Permanent(), list.Permanent())
			require.Equal(t, want.Checksum(), list.Sum())
			require.LessOrEqual(t, list.NextExpiry(), want.NextExpiry())
			require.Equal(t, v, list.To())
			requireAnswers(t, r, w, want, list)
			if list.Snapshot() == nil {
				overlays++
			} else {
				merges++
			}
			whole, err := list.Whole()
			require.NoError(t, err)
			require.Equal(t, want.Bytes(), whole.Snapshot().Bytes())
			require.Equal(t, want.Checksum(), whole.Sum())
			if r.IntN(10) == 0 {
				list = whole
			}
		}
	}
	require.Greater(t, overlays, 100)
	require.Greater(t, merges, 100)
}

func requireAnswers(t *testing.T, r *rand.Rand, w *world, want *File, list *List) {
	t.Helper()
	rules := map[uint8]bool{}
	for e := range want.Entries() {
		rules[e.Rule] = true
	}
	for rule := range uint8(255) {
		require.Equal(t, rules[rule], list.HasRule(rule))
	}
	for touched := range w.touched {
		for id := range w.touched[touched] {
			e, ok := want.Lookup(id.rule, id.key)
			got, found := list.Lookup(id.rule, id.key)
			require.Equal(t, ok, found)
			require.Equal(t, e, got)
			before, found := list.Find(id.rule, id.key)
			require.Equal(t, ok, found)
			require.Equal(t, e.Before, before)
			_, found = list.Find(id.rule, r.Uint64())
			require.False(t, found)
		}
	}
}

// Whether there are entries under a rule does not depend on how the list lies in memory: the
// last one is removed by a change over the snapshot, and comes again in the other form.
func TestARuleWithoutEntries(t *testing.T) {
	key := Entry{Rule: 2, Key: 7, Before: Always, Exp: Never}
	state := mustBuild(t, 0, 1, []Entry{{Rule: 1, Key: 1, Before: Always, Exp: Never}, key}, nil)
	list, err := NewList(state, state.Checksum())
	require.NoError(t, err)
	require.True(t, list.HasRule(2))
	for version, change := range []struct {
		entries, removed []Entry
		has              bool
	}{
		{nil, []Entry{key}, false},
		{[]Entry{{Rule: 2, Key: 7, Before: 50, Exp: Never}}, nil, true},
		{[]Entry{{Rule: 3, Key: 7, Before: Always, Exp: Never}}, []Entry{{Rule: 2, Key: 7, Before: 50, Exp: Never}}, false},
		{[]Entry{key}, nil, true},
	} {
		list, err = list.Apply(mustBuild(t, uint64(version)+1, uint64(version)+2, change.entries, change.removed), 0)
		require.NoError(t, err)
		require.Nil(t, list.Snapshot(), "the change lies over the snapshot")
		require.Equal(t, change.has, list.HasRule(2), "version %d", version+2)
		require.True(t, list.HasRule(1))
		require.False(t, list.HasRule(4))
	}
}

// Expiry alone makes the list whole, and only when something expires.
func TestListExpires(t *testing.T) {
	keep, drop := Entry{Rule: 1, Key: 1, Before: Always, Exp: 101}, Entry{Rule: 1, Key: 2, Before: Always, Exp: 100}
	state := mustBuild(t, 0, 4, []Entry{keep, drop}, nil)
	list, err := NewList(state, state.Checksum())
	require.NoError(t, err)
	same, err := list.Apply(nil, 99)
	require.NoError(t, err)
	require.Same(t, list, same)
	next, err := list.Apply(nil, 100)
	require.NoError(t, err)
	require.Equal(t, []Entry{keep}, slices.Collect(next.Snapshot().Entries()))
	require.Equal(t, uint64(4), next.To())
}

// What changed is merged with the snapshot before it outgrows it.
func TestOverlayIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	state := mustBuild(t, 0, 1, randomEntries(r, 100_000), nil)
	list, err := NewList(state, state.Checksum())
	require.NoError(t, err)
	merges := 0
	for v := uint64(2); v < 60; v++ {
		list, err = list.Apply(mustBuild(t, v-1, v, randomEntries(r, 200), nil), 0)
		require.NoError(t, err)
		require.LessOrEqual(t, list.Size(), len(list.base.data)+overlayRoom(len(list.base.data)))
		if list.Snapshot() != nil {
			merges++
		}
	}
	require.InDelta(t, 6, merges, 4)
}

func TestListRefusesADeltaThatDoesNotContinue(t *testing.T) {
	state := mustBuild(t, 0, 5, nil, nil)
	list, err := NewList(state, Checksum{})
	require.NoError(t, err)
	for _, d := range []*File{mustBuild(t, 6, 7, nil, nil), mustBuild(t, 4, 5, nil, nil), mustBuild(t, 0, 9, nil, nil)} {
		_, err := list.Apply(d, 0)
		require.Error(t, err)
	}
	_, err = NewList(mustBuild(t, 1, 5, nil, nil), Checksum{})
	require.Error(t, err, "a delta is no snapshot")
}

func BenchmarkListApply(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 6))
	state, err := Build(0, 1, randomEntries(r, 1_000_000), nil)
	require.NoError(b, err)
	list, err := NewList(state, state.Checksum())
	require.NoError(b, err)
	delta, err := Build(1, 2, randomEntries(r, 1000), nil)
	require.NoError(b, err)
	b.Run("overlay", func(b *testing.B) {
		for b.Loop() {
			if _, err := list.Apply(delta, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Apply(state, Checksum{}, delta, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
