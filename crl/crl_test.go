package crl

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomEntries gives n entries of distinct keys under a few rules, in no order.
func randomEntries(r *rand.Rand, n int) []Entry {
	all := make([]Entry, n)
	for i := range all {
		all[i] = Entry{Rule: 1 + uint8(r.IntN(3)), Key: r.Uint64(), Before: Always, Exp: 3600 * (480000 + r.Int64N(24)), Moment: 1_790_000_000_000 + r.Int64N(1<<30)}
		if all[i].Rule == 2 {
			all[i].Before = 1_790_000_000 + r.Int64N(86400)
		}
		if r.IntN(50) == 0 {
			all[i].Exp = Never
		}
	}
	return all
}

func mustBuild(t testing.TB, from, to uint64, entries, removed []Entry) *File {
	t.Helper()
	f, err := Build(from, to, entries, removed)
	require.NoError(t, err)
	return f
}

func TestFileHoldsWhatItWasBuiltFrom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 127, 128, 129, 300, 511, 512, 513, 1024, 1025, 5000, 20000, 70000} {
		entries := randomEntries(r, n)
		f := mustBuild(t, 0, 7, slices.Clone(entries), nil)
		require.Equal(t, n, f.Len())
		require.NoError(t, f.Verify())
		for _, e := range entries {
			got, ok := f.Lookup(e.Rule, e.Key)
			require.True(t, ok)
			require.Equal(t, e, got)
			// Neighbours share the key's bucket and must still be told apart.
			for _, near := range []uint64{e.Key + 1, e.Key - 1, e.Key ^ 1<<40} {
				_, ok := f.Lookup(e.Rule, near)
				require.False(t, ok)
			}
		}
		require.Equal(t, slices.Collect(f.Entries()), sortedEntries(entries))
	}
}

func byKey(a, b Entry) int { return cmp.Compare(a.Key, b.Key) }

func sortedEntries(entries []Entry) []Entry {
	all := slices.Clone(entries)
	slices.SortFunc(all, func(a, b Entry) int {
		switch {
		case a.Rule != b.Rule:
			return int(a.Rule) - int(b.Rule)
		case a.form() != b.form():
			return int(a.form()) - int(b.form())
		}
		return byKey(a, b)
	})
	if len(all) == 0 {
		return nil
	}
	return all
}

func TestEveryShapeOfKeysIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	shapes := map[string]func(i int) uint64{
		"dense from zero":       func(i int) uint64 { return uint64(i) },
		"dense up to the top":   func(i int) uint64 { return math.MaxUint64 - uint64(i) },
		"all in one bucket":     func(i int) uint64 { return 0xabcd<<48 | uint64(i) },
		"two far ends":          func(i int) uint64 { return uint64(i&1)<<63 | uint64(i) },
		"every bucket just one": func(i int) uint64 { return uint64(i) << 49 },
		"random":                func(int) uint64 { return r.Uint64() },
	}
	for name, key := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 127, 128, 200, 1000, 1024, 30000} {
				entries := make([]Entry, n)
				for i := range entries {
					entries[i] = Entry{Rule: 1, Key: key(i), Before: Always, Exp: Never}
				}
				f := mustBuild(t, 0, 1, slices.Clone(entries), nil)
				held := map[uint64]bool{}
				for _, e := range entries {
					held[e.Key] = true
				}
				for i := 0; i < n; i += 1 + n/1000 {
					_, ok := f.Lookup(1, entries[i].Key)
					require.True(t, ok, "%x of %d", entries[i].Key, n)
				}
				for range 1000 {
					miss := r.Uint64()
					_, ok := f.Lookup(1, miss)
					require.Equal(t, held[miss], ok)
				}
				require.NoError(t, f.Verify())
			}
		})
	}
}

func TestGroundKeysFallBackToThePlainLayout(t *testing.T) {
	entries := make([]Entry, maxSuper+1)
	for i := range entries {
		entries[i] = Entry{Rule: 1, Key: uint64(i), Before: Always, Exp: int64(3600 * (i % 24))}
	}
	f := mustBuild(t, 0, 1, entries, nil)
	require.False(t, f.sections[0].keys.packed)
	f = mustBuild(t, 0, 1, entries[:maxSuper], nil)
	require.True(t, f.sections[0].keys.packed)
	e, ok := f.Lookup(1, 4711)
	require.True(t, ok)
	require.Equal(t, int64(3600*(4711%24)), e.Exp)
}

func TestBuildRefusesWhatNoListHolds(t *testing.T) {
	e := Entry{Rule: 1, Key: 5, Before: Always, Exp: Never}
	for name, build := range map[string]func() (*File, error){
		"the same entry twice":    func() (*File, error) { return Build(0, 1, []Entry{e, e}, nil) },
		"backwards":               func() (*File, error) { return Build(2, 1, nil, nil) },
		"a snapshot that removes": func() (*File, error) { return Build(0, 1, nil, []Entry{e}) },
		"rule zero":               func() (*File, error) { return Build(0, 1, []Entry{{Key: 1, Before: Always}}, nil) },
		"before out of bounds":    func() (*File, error) { return Build(0, 1, []Entry{{Rule: 1, Before: MaxTime + 1}}, nil) },
		"a negative exp":          func() (*File, error) { return Build(0, 1, []Entry{{Rule: 1, Before: 1, Exp: -1}}, nil) },
	} {
		_, err := build()
		require.Error(t, err, name)
	}
}

// TestSizeIsNearTheEntropy holds bar P1: keys and 24 expiry codes of equal
// chance, everything included, in at most 1.5 bits an entry above the entropy.
func TestSizeIsNearTheEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{100_000, 600_000, 1_000_000} {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{Rule: 1, Key: r.Uint64(), Before: Always, Exp: 3600 * r.Int64N(24)}
		}
		f := mustBuild(t, 0, 1, entries, nil)
		entropy := 64 - math.Log2(float64(n)) + 1/math.Ln2 + math.Log2(24)
		have := 8 * float64(len(f.Bytes())) / float64(n)
		t.Logf("%d entries: %.3f bits an entry, %.3f above the entropy", n, have, have-entropy)
		require.LessOrEqual(t, have, entropy+1.5)
	}
}

func TestCombineNeverRevokesLess(t *testing.T) {
	out := Entry{Rule: 1, Key: 1, Before: Always, Exp: 10}
	before := Entry{Rule: 1, Key: 1, Before: 100, Exp: 20}
	for _, c := range []struct{ a, b, want Entry }{
		{out, before, Entry{Rule: 1, Key: 1, Before: Always, Exp: 20}},
		{before, out, Entry{Rule: 1, Key: 1, Before: Always, Exp: 20}},
		{before, Entry{Rule: 1, Key: 1, Before: 101, Exp: 5}, Entry{Rule: 1, Key: 1, Before: 101, Exp: 20}},
		{before, Entry{Rule: 1, Key: 1, Before: 99, Exp: Never}, Entry{Rule: 1, Key: 1, Before: 100, Exp: Never}},
	} {
		require.Equal(t, c.want, c.a.Combine(c.b))
	}
	require.True(t, before.Revokes(99, true))
	require.False(t, before.Revokes(100, true))
	require.True(t, before.Revokes(0, false), "a token without iat is revoked")
	require.True(t, out.Revokes(MaxTime, true))
}
