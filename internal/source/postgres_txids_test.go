package source

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A set says of every id what a map says, and so does what comes out of a cursor, but for the
// highest ids if there is no room.
func TestTxids(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		const base = 1 << 40
		near := uint64(1 + r.IntN(300))
		var set txids
		want := map[uint64]bool{}
		for range r.IntN(200) {
			id := base + r.Uint64N(near)
			require.Equal(t, uint64(math.MaxUint64), set.add(id, math.MaxUint64))
			want[id] = true
		}
		room := []int{0, 1, 5, 40, 2000}[round%5]
		text, cut := set.encode(base, room)
		require.LessOrEqual(t, len(text), room)
		kept, err := decodeTxids(base, text)
		require.NoError(t, err)
		gone := false
		for _, id := range slices.Sorted(maps.Keys(want)) {
			require.True(t, set.has(id))
			gone = gone || !kept.has(id)
			require.Equal(t, gone, !kept.has(id), "the lowest are kept")
		}
		require.Equal(t, gone, cut)
		require.False(t, gone && room == 2000)
		for id := uint64(base - 2); id < base+near+2; id++ {
			require.Equal(t, want[id], set.has(id))
			require.False(t, kept.has(id) && !want[id])
		}
		for i, span := range set {
			require.Less(t, span.from, span.to)
			require.True(t, i == 0 || set[i-1].to < span.from)
		}
	}
}

// In whatever order more ids come than there is room for, those that are left out are
// the highest, and stay out.
func TestTxidsAreBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var set txids
	limit := uint64(math.MaxUint64)
	var added []uint64
	for range 4 * maxSpans {
		id := 1 + r.Uint64N(10*maxSpans)
		limit = set.add(id, limit)
		added = append(added, id)
		require.LessOrEqual(t, len(set), maxSpans)
	}
	require.Less(t, limit, uint64(math.MaxUint64))
	for _, id := range added {
		require.Equal(t, id < limit, set.has(id))
	}
}

func TestSnapshot(t *testing.T) {
	for text, want := range map[string]txids{
		"5:5:":         nil,
		"5:9:":         {{5, 9}},
		"5:9:5":        {{6, 9}},
		"5:9:5,6,8":    {{7, 8}},
		"5:12:5,7,8,9": {{6, 7}, {10, 12}},
	} {
		s, err := parseSnapshot(text)
		require.NoError(t, err)
		require.Equal(t, want, s.ended(), text)
	}
	for _, text := range []string{"", "5:6", "x:6:", "5:x:", "5:6:x", "5:6:5:7"} {
		_, err := parseSnapshot(text)
		require.Error(t, err, text)
	}
}

func FuzzTxids(f *testing.F) {
	text, _ := txids{{7, 9}, {12, 4000}}.encode(7, 100)
	f.Add(uint64(7), text)
	f.Add(uint64(math.MaxUint64), "AAE")
	f.Fuzz(func(t *testing.T, base uint64, text string) {
		set, err := decodeTxids(base, text)
		if err != nil {
			return
		}
		last := base
		for i, span := range set {
			if span.from < last || span.to <= span.from || i > 0 && span.from == last {
				t.Fatalf("%v", set)
			}
			last = span.to
		}
	})
}
