package crl

import (
	"encoding/binary"
	"math/bits"
)

// plainChunk is how many keys of the plain layout are decoded at a time.
const plainChunk = 1024

// chunks is the number of parts in which the keys are decoded: the superblocks, or
// parts of a plain set.
func (s *keySet) chunks() int {
	if s.packed {
		return s.supers
	}
	return (s.n + plainChunk - 1) / plainChunk
}

// chunk is the one that holds a key, or the first at or behind it, whose rank is given.
func (s *keySet) chunk(key uint64, rank int) int {
	if s.packed {
		return s.super(key)
	}
	return rank / plainChunk
}

// rank is the number of keys in front of a chunk.
func (s *keySet) rank(chunk int) int {
	if !s.packed {
		return plainChunk * chunk
	}
	pivot := binary.LittleEndian.Uint32(s.data[4*chunk:])
	return int(binary.LittleEndian.Uint32(s.data[pivot:]))
}

// decode appends the keys of a chunk, in ascending order.
func (s *keySet) decode(chunk int, keys []uint64) []uint64 {
	if !s.packed {
		for i := plainChunk * chunk; i < min(s.n, plainChunk*(chunk+1)); i++ {
			keys = append(keys, s.plain(i))
		}
		return keys
	}
	pivot := int(binary.LittleEndian.Uint32(s.data[4*chunk:]))
	runs := s.data[pivot+s.runs():]
	at, mask := uint64(pivot)*8, uint64(1)<<s.l-1
	i := 0
	for block := range 1 << s.s {
		occupied := binary.LittleEndian.Uint64(s.data[pivot+superHeader+blockSize*block+2:])
		first := (uint64(chunk)<<s.s | uint64(block)) << 6
		for ; occupied != 0; occupied &= occupied - 1 {
			bucket := (first | uint64(bits.TrailingZeros64(occupied))) << s.l
			for more := true; more; more = runs[i>>3]>>(i&7)&1 == 0 {
				at -= uint64(s.l)
				keys = append(keys, bucket|binary.LittleEndian.Uint64(s.data[at>>3:])>>(at&7)&mask)
				i++
			}
		}
	}
	return keys
}

// each yields the keys in ascending order with their ranks.
func (s *keySet) each(yield func(rank int, key uint64) bool) bool {
	var keys []uint64
	rank := 0
	for chunk := range s.chunks() {
		keys = s.decode(chunk, keys[:0])
		for _, key := range keys {
			if !yield(rank, key) {
				return false
			}
			rank++
		}
	}
	return true
}
