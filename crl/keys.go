package crl

import (
	"encoding/binary"
	"math/bits"
)

const (
	layoutPlain  = 0
	layoutPacked = 1

	// minPacked is the smallest n for which a remainder is at most maxBits wide.
	minPacked = 128
	// maxSuper is the most keys in a superblock: its ranks are u16.
	maxSuper = 1<<16 - 1

	superHeader = 4  // bytes in front of a superblock's blocks
	blockSize   = 10 // bytes of a block: rank and occupied
)

// geometry is all that follows from n in the packed layout.
type geometry struct {
	l      uint // bits of a remainder
	s      uint // a superblock has 1<<s blocks
	supers int
}

func geometryOf(n int) geometry {
	k := uint(bits.Len(uint(n - 1)))
	s := min(4, k-6)
	return geometry{l: 64 - k, s: s, supers: 1 << (k - 6 - s)}
}

// super is the superblock of a key.
func (g geometry) super(key uint64) int { return int(key >> g.l >> (6 + g.s)) }

// block is the key's block within its superblock, and bit its bucket within that.
func (g geometry) block(key uint64) (block int, bit uint) {
	h := key >> g.l
	return int(h>>6) & (1<<g.s - 1), uint(h & 63)
}

func (g geometry) remainder(key uint64) uint64 { return key & (1<<g.l - 1) }

// dirSize is the number of bytes in front of the first superblock.
func (g geometry) dirSize() int { return int(round8(4 * uint64(g.supers+1))) }

// runs is where a superblock's run starts lie, from its pivot.
func (g geometry) runs() int { return superHeader + blockSize<<g.s }

// keySet is a validated set of keys, in either layout. Its data reaches at least
// 8 bytes beyond the keys, so that every load of 8 bytes is within bounds.
type keySet struct {
	n      int
	packed bool
	data   []byte
	geometry
}

// find is the rank of the key among the set's keys. It is what a check waits for.
// Without ok the rank has no meaning, but comes from what was read, so that a
// benchmark can wait for it.
func (s *keySet) find(key uint64) (rank int, ok bool) {
	if !s.packed {
		return s.findPlain(key)
	}
	pivot := int(binary.LittleEndian.Uint32(s.data[4*s.super(key):]))
	block, bit := s.block(key)
	at := pivot + superHeader + blockSize*block
	occupied := binary.LittleEndian.Uint64(s.data[at+2:])
	if occupied>>bit&1 == 0 {
		return int(occupied), false
	}
	first := int(binary.LittleEndian.Uint16(s.data[at:]))
	runs := s.data[pivot+s.runs():]
	i := nextRun(runs, first, bits.OnesCount64(occupied&(1<<bit-1)))
	for want := s.remainder(key); ; {
		if s.record(pivot, i) == want {
			return int(binary.LittleEndian.Uint32(s.data[pivot:])) + i, true
		}
		i++
		if runs[i>>3]>>(i&7)&1 == 1 {
			return i, false
		}
	}
}

// search is find that also says, of a key that is not there, at which rank it would be.
func (s *keySet) search(key uint64) (rank int, ok bool) {
	if !s.packed {
		return s.findPlain(key)
	}
	pivot := int(binary.LittleEndian.Uint32(s.data[4*s.super(key):]))
	block, bit := s.block(key)
	at := pivot + superHeader + blockSize*block
	occupied := binary.LittleEndian.Uint64(s.data[at+2:])
	runs := s.data[pivot+s.runs():]
	// Where no key shares the bucket this is the next bucket's first, or the sentinel.
	i := nextRun(runs, int(binary.LittleEndian.Uint16(s.data[at:])), bits.OnesCount64(occupied&(1<<bit-1)))
	base := int(binary.LittleEndian.Uint32(s.data[pivot:]))
	if occupied>>bit&1 == 0 {
		return base + i, false
	}
	for want := s.remainder(key); ; {
		if r := s.record(pivot, i); r >= want {
			return base + i, r == want
		}
		i++
		if runs[i>>3]>>(i&7)&1 == 1 {
			return base + i, false
		}
	}
}

// nextRun is the position of the skip-th set bit at or after from.
func nextRun(runs []byte, from, skip int) int {
	for {
		shift := uint(from & 7)
		w := binary.LittleEndian.Uint64(runs[from>>3:]) >> shift
		if c := bits.OnesCount64(w); c <= skip {
			skip -= c
			from += 64 - int(shift)
			continue
		}
		return from + select64(w, skip)
	}
}

// record is the i-th remainder of the superblock at a pivot.
func (s *keySet) record(pivot, i int) uint64 {
	at := uint64(pivot)*8 - uint64(i+1)*uint64(s.l)
	return binary.LittleEndian.Uint64(s.data[at>>3:]) >> (at & 7) & (1<<s.l - 1)
}

func (s *keySet) plain(i int) uint64 { return binary.LittleEndian.Uint64(s.data[8*i:]) }

func (s *keySet) findPlain(key uint64) (rank int, ok bool) {
	lo, hi := 0, s.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.plain(mid) < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < s.n && s.plain(lo) == key
}
