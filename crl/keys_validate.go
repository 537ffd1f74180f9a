package crl

import (
	"encoding/binary"
	"math/bits"
)

// parseKeys validates size bytes of keys at the front of data, which reaches at
// least 8 bytes beyond them, and returns why they cannot be used, or "".
// Afterwards no lookup and no iteration can leave the bytes or fail to end.
func parseKeys(data []byte, size uint64, n int, layout byte) (*keySet, string) {
	if size+8 > uint64(len(data)) {
		return nil, "the keys end beyond the file"
	}
	s := &keySet{n: n, packed: layout == layoutPacked, data: data[: size+8 : size+8]}
	switch {
	case layout > layoutPacked:
		return nil, "the layout of the keys is unknown"
	case layout == layoutPlain:
		return s, s.validatePlain(size)
	case n < minPacked:
		return nil, "so few keys are never packed"
	}
	s.geometry = geometryOf(n)
	return s, s.validatePacked(int(size))
}

func (s *keySet) validatePlain(size uint64) string {
	if size != 8*uint64(s.n) {
		return "the bytes of the keys do not fit their number"
	}
	for i := 1; i < s.n; i++ {
		if s.plain(i) <= s.plain(i-1) {
			return "the keys are not ascending"
		}
	}
	return ""
}

func (s *keySet) validatePacked(size int) string {
	if s.dirSize() > size {
		return "the directory of the keys is cut"
	}
	start, rank := s.dirSize(), 0
	for super := range s.supers {
		pivot := int(binary.LittleEndian.Uint32(s.data[4*super:]))
		if pivot < start || pivot+s.runs() >= size {
			return "a superblock lies outside the keys"
		}
		if uint32(rank) != binary.LittleEndian.Uint32(s.data[pivot:]) {
			return "a superblock's rank is not the number of keys before it"
		}
		m, why := s.validateSuper(pivot, size)
		if why != "" {
			return why
		}
		if pivot-start != (m*int(s.l)+7)/8 {
			return "a superblock's remainders do not fit the number of its keys"
		}
		start = pivot + s.runs() + (m+1+7)/8
		rank += m
	}
	if rank != s.n {
		return "the superblocks do not hold as many keys as the section"
	}
	if end := int(binary.LittleEndian.Uint32(s.data[4*s.supers:])); end != start || int(round8(uint64(end))) != size {
		return "the keys do not end where their directory says"
	}
	return ""
}

// validateSuper checks that the run starts agree with the blocks, and counts
// the keys: the sentinel is the first run start that no bucket claims.
func (s *keySet) validateSuper(pivot, size int) (m int, why string) {
	runs := s.data[pivot+s.runs() : size]
	starts := bitReader{b: runs}
	at, ok := starts.next()
	if !ok || at != 0 {
		return 0, "a superblock's run starts do not begin with one"
	}
	for block := range 1 << s.s {
		b := s.data[pivot+superHeader+blockSize*block:]
		if int(binary.LittleEndian.Uint16(b)) != at {
			return 0, "a block's rank is not where its run starts"
		}
		for range bits.OnesCount64(binary.LittleEndian.Uint64(b[2:])) {
			if at, ok = starts.next(); !ok || at > maxSuper {
				return 0, "a superblock has fewer run starts than buckets"
			}
		}
	}
	if end := (at + 1 + 7) / 8; runs[end-1]>>(at&7) != 1 {
		return 0, "a superblock's run starts do not end with one"
	}
	return at, ""
}

// bitReader walks over the set bits of b.
type bitReader struct {
	b    []byte
	word uint64
	base int
	read int // bytes of b that are in word or behind it
}

func (r *bitReader) next() (at int, ok bool) {
	for r.word == 0 {
		if r.read >= len(r.b) || r.read > maxSuper/8+8 {
			return 0, false
		}
		r.base = 8 * r.read
		if len(r.b)-r.read >= 8 {
			r.word = binary.LittleEndian.Uint64(r.b[r.read:])
			r.read += 8
		} else {
			r.word = uint64(r.b[r.read])
			r.read++
		}
	}
	at = r.base + bits.TrailingZeros64(r.word)
	r.word &= r.word - 1
	return at, true
}
