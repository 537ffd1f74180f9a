package crl

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
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

// find is the rank of the key among the set's keys.
func (s *keySet) find(key uint64) (rank int, ok bool) {
	if !s.packed {
		return s.findPlain(key)
	}
	pivot := int(binary.LittleEndian.Uint32(s.data[4*s.super(key):]))
	block, bit := s.block(key)
	at := pivot + superHeader + blockSize*block
	occupied := binary.LittleEndian.Uint64(s.data[at+2:])
	if occupied>>bit&1 == 0 {
		return 0, false
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
			return 0, false
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

// each yields the keys in ascending order with their ranks.
func (s *keySet) each(yield func(rank int, key uint64) bool) bool {
	if !s.packed {
		for i := range s.n {
			if !yield(i, s.plain(i)) {
				return false
			}
		}
		return true
	}
	rank := 0
	for super := range s.supers {
		pivot := int(binary.LittleEndian.Uint32(s.data[4*super:]))
		runs := s.data[pivot+s.runs():]
		i := 0
		for block := range 1 << s.s {
			occupied := binary.LittleEndian.Uint64(s.data[pivot+superHeader+blockSize*block+2:])
			for ; occupied != 0; occupied &= occupied - 1 {
				bucket := (uint64(super)<<s.s|uint64(block))<<6 | uint64(bits.TrailingZeros64(occupied))
				for more := true; more; more = runs[i>>3]>>(i&7)&1 == 0 {
					if !yield(rank, bucket<<s.l|s.record(pivot, i)) {
						return false
					}
					i++
					rank++
				}
			}
		}
	}
	return true
}

// keyWriter encodes ascending keys, a superblock at a time.
type keyWriter struct {
	geometry
	buf    []byte
	super  int
	base   int
	keys   []uint64 // of the superblock under way
	skewed bool     // a superblock would hold more than maxSuper keys
}

func newKeyWriter(n int) *keyWriter {
	w := &keyWriter{geometry: geometryOf(n)}
	w.buf = make([]byte, w.dirSize(), w.dirSize()+int(packedSize(uint64(n), w.l+3))+w.supers*(w.runs()+2)+64)
	return w
}

func (w *keyWriter) append(key uint64) {
	if super := w.geometry.super(key); super != w.super {
		w.flush(super)
	}
	w.keys = append(w.keys, key)
}

// flush writes the superblocks up to next, all but the first of them empty.
func (w *keyWriter) flush(next int) {
	for ; w.super < next; w.super++ {
		w.writeSuper()
		w.base += len(w.keys)
		w.keys = w.keys[:0]
	}
}

func (w *keyWriter) writeSuper() {
	m := len(w.keys)
	if m > maxSuper {
		w.skewed = true
		return
	}
	size := (m*int(w.l) + 7) / 8
	start := len(w.buf)
	pivot := start + size
	end := pivot + w.runs() + (m+1+7)/8
	// The remainders are or-ed in with 8-byte words that may reach beyond the
	// end, so there must be room, and all of it zero.
	w.buf = slices.Grow(w.buf, end-start+16)[:end+16]
	clear(w.buf[start:])
	binary.LittleEndian.PutUint32(w.buf[4*w.super:], uint32(pivot))
	for i, key := range w.keys {
		at := pivot*8 - (i+1)*int(w.l)
		word := w.buf[at>>3:]
		binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|w.remainder(key)<<(at&7))
	}
	binary.LittleEndian.PutUint32(w.buf[pivot:], uint32(w.base))
	runs := w.buf[pivot+w.runs():]
	i := 0
	for block := range 1 << w.s {
		at := w.buf[pivot+superHeader+blockSize*block:]
		binary.LittleEndian.PutUint16(at, uint16(i))
		var occupied uint64
		for ; i < m; i++ {
			b, bit := w.block(w.keys[i])
			if b != block {
				break
			}
			if occupied>>bit&1 == 0 {
				runs[i>>3] |= 1 << (i & 7)
			}
			occupied |= 1 << bit
		}
		binary.LittleEndian.PutUint64(at[2:], occupied)
	}
	runs[m>>3] |= 1 << (m & 7)
	w.buf = w.buf[:end]
}

// close gives the bytes, or ok false if the keys need the plain layout.
func (w *keyWriter) close() (b []byte, ok bool) {
	w.flush(w.supers)
	if w.skewed || uint64(len(w.buf)) > math.MaxUint32 {
		return nil, false
	}
	binary.LittleEndian.PutUint32(w.buf[4*w.supers:], uint32(len(w.buf)))
	return pad8(w.buf), true
}
