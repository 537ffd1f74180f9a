package crl

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// without returns the entries as a reader's list holds them.
func without(entries []Entry) []Entry {
	plain := slices.Clone(entries)
	for i := range plain {
		plain[i].Moment = 0
	}
	return plain
}

// A reader's file is the same with and without the moments that a publisher keeps beside it.
func TestMomentsLeaveTheFileAsItIs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 127, 128, 5000} {
		entries := randomEntries(r, n)
		dated := mustBuild(t, 0, 7, slices.Clone(entries), nil)
		plain := mustBuild(t, 0, 7, without(entries), nil)
		require.Equal(t, plain.Bytes(), dated.Bytes())
		require.Equal(t, plain.Checksum(), dated.Checksum())
		require.Nil(t, plain.Moments())
		if n == 0 {
			continue
		}
		again, err := plain.WithMoments(dated.Moments(), nil)
		require.NoError(t, err)
		require.Equal(t, sortedEntries(entries), slices.Collect(again.Entries()))
		require.True(t, again.Equal(dated))
		require.False(t, again.Equal(plain))
	}
}

func TestMomentsThatDoNotBelongToTheFile(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	f := mustBuild(t, 0, 7, randomEntries(r, 1000), nil)
	plain, err := Parse(f.Bytes())
	require.NoError(t, err)
	moments := f.Moments()
	for n := range moments {
		if n%7 == 0 || n < 64 {
			_, err := plain.WithMoments(moments[:n], nil)
			require.Error(t, err, "the first %d bytes", n)
		}
	}
	_, err = plain.WithMoments(append(slices.Clone(moments), make([]byte, 8)...), nil)
	require.ErrorContains(t, err, "do not end")
	for at, value := range map[int]byte{0: 58, 3: 1, 15: 0x80, len(moments) - 1: 1} {
		broken := slices.Clone(moments)
		broken[at] = value
		_, err := plain.WithMoments(broken, nil)
		require.Error(t, err, "byte %d", at)
	}
	// Any other bytes are moments, and every use of them stays within bounds.
	for range 200 {
		broken := slices.Clone(moments)
		broken[momentHead+r.IntN(len(broken)-momentHead)] ^= byte(1 << r.IntN(8))
		if g, err := plain.WithMoments(broken, nil); err == nil {
			require.Len(t, slices.Collect(g.Entries()), 1000)
		}
	}
}
