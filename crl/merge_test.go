package crl

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// On any number of processors the same bytes and the same checksum come about, whatever
// the keys look like and however few of them are left.
func TestPartsMakeTheSameBytes(t *testing.T) {
	defer func(n, procs int) { minPart = n; runtime.GOMAXPROCS(procs) }(minPart, runtime.GOMAXPROCS(0))
	minPart = 64
	r := rand.New(rand.NewPCG(1, 2))
	for name, key := range map[string]func() uint64{
		"hashes":                  r.Uint64,
		"all in the upper half":   func() uint64 { return r.Uint64() | 1<<63 },
		"all in the lower half":   func() uint64 { return r.Uint64() >> 1 },
		"a few far from the rest": func() uint64 { return r.Uint64() >> (r.UintN(20) * 3) },
		"too many in one superblock": func() uint64 {
			return 0xc0<<56 | r.Uint64()>>8
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 127, 128, 129, 1000, 30_000} {
				switch {
				case n > 1000 && name == "a few far from the rest":
					continue // most are in one bucket, which is searched one by one
				case n > 1000 && name == "too many in one superblock":
					n = 110_000
				}
				state := distinctEntries(r, n, key)
				news := distinctEntries(r, n/3+5, key)
				var removed []Entry
				for i, e := range state {
					if i%7 == 0 {
						removed = append(removed, e)
					}
					if i%5 == 0 {
						e.Exp = 100 + int64(r.IntN(30))
						news = append(news, e)
					}
				}
				news = distinct(news)
				for _, dropped := range []int64{0, 110, 140} {
					var want *File
					var sum Checksum
					for _, procs := range []int{1, 2, 8} {
						runtime.GOMAXPROCS(procs)
						base, err := Build(0, 1, state, nil)
						require.NoError(t, err)
						delta, err := Build(1, 2, news, removed)
						require.NoError(t, err)
						got, s, err := Apply(base, ChecksumOf(state), delta, dropped)
						require.NoError(t, err)
						require.Equal(t, got.Checksum(), s)
						require.NoError(t, got.Verify())
						if want == nil {
							want, sum = got, s
						}
						require.True(t, bytes.Equal(want.Bytes(), got.Bytes()), "%d entries on %d processors", n, procs)
						require.True(t, bytes.Equal(want.Moments(), got.Moments()), "the moments of %d entries on %d processors", n, procs)
						require.Equal(t, sum, s)
						runtime.KeepAlive(got)
					}
					runtime.KeepAlive(want)
				}
			}
		})
	}
}

// distinctEntries have distinct keys of both forms.
func distinctEntries(r *rand.Rand, n int, key func() uint64) []Entry {
	all := make([]Entry, n)
	for i := range all {
		all[i] = Entry{Rule: 1, Key: key(), Before: Always, Exp: 100 + int64(r.IntN(30)), Moment: 1 + r.Int64N(1<<40)}
		if r.IntN(3) == 0 {
			all[i].Before = 1000 + int64(r.IntN(90))
		}
	}
	return distinct(all)
}

// distinct drops all but the first entry of a rule, form and key.
func distinct(all []Entry) []Entry {
	seen := map[Entry]bool{}
	var kept []Entry
	for _, e := range all {
		id := Entry{Rule: e.Rule, Key: e.Key}
		if !e.Outright() {
			id.Before = 1
		}
		if !seen[id] {
			seen[id] = true
			kept = append(kept, e)
		}
	}
	return kept
}
