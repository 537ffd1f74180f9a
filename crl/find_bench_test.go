package crl

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/memory"
)

var benchSize = flag.Int("entries", 1_000_000, "entries of the lists in the benchmarks")

// mix is a bijection on 64 bits, from one random place to the next.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// BenchmarkFind measures lookups of which each has to wait for the one before, and
// beside them one read from memory of the same size: what any structure must pay.
func BenchmarkFind(b *testing.B) {
	n := *benchSize
	r := rand.New(rand.NewPCG(1, 1))
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{Rule: 1, Key: mix(uint64(i)), Before: Always, Exp: 3600 * int64(480000+r.IntN(24))}
	}
	f, err := Build(0, 1, entries, nil)
	require.NoError(b, err)
	set := f.sections[0].keys
	zero := uint64(len(f.sections) - 1) // as the compiler cannot know
	entries = nil
	block := memory.Make(len(f.Bytes()))
	ref := block.Bytes()
	for i := range ref {
		ref[i] = byte(mix(uint64(i))) & 0xfe
	}
	slots := uint64(len(ref)/8 - 1)
	b.Run(fmt.Sprintf("ref/%d", n), func(b *testing.B) {
		x := uint64(1)
		for b.Loop() {
			x = mix(x + 1)
			hi := x >> 32 * slots >> 32
			x += binary.LittleEndian.Uint64(ref[8*hi:]) & zero
		}
	})
	b.Run(fmt.Sprintf("miss/%d", n), func(b *testing.B) {
		x := uint64(1)
		for b.Loop() {
			x = mix(x + 1)
			rank, _ := set.find(x)
			x += uint64(rank) & zero
		}
	})
	b.Run(fmt.Sprintf("hit/%d", n), func(b *testing.B) {
		x := uint64(1)
		for b.Loop() {
			x = mix(x + 1)
			rank, ok := set.find(mix(x >> 32 * uint64(n) >> 32))
			if !ok {
				b.Fatal("lost")
			}
			x += uint64(rank) & zero
		}
	})
	runtime.KeepAlive(f)
	runtime.KeepAlive(block)
}
