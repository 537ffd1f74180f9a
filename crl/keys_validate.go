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
		next := s.n
		if super+1 < s.supers {
			after := int(binary.LittleEndian.Uint32(s.data[4*(super+1):]))
			if after < pivot || after+s.runs() >= size {
				return "a superblock lies outside the keys"
			}
			next = int(binary.LittleEndian.Uint32(s.data[after:]))
		}
		m := next - rank
		if m < 0 || m > maxSuper || pivot-start != (m*int(s.l)+7)/8 {
			return "a superblock's remainders do not fit the number of its keys"
		}
		start, rank = pivot+s.runs()+(m+1+7)/8, next
		if start > size {
			return "a superblock lies outside the keys"
		}
		if why := s.validateSuper(pivot, m); why != "" {
			return why
		}
	}
	if end := int(binary.LittleEndian.Uint32(s.data[4*s.supers:])); end != start || int(round8(uint64(end))) != size {
		return "the keys do not end where their directory says"
	}
	return ""
}

// validateSuper checks that the run starts agree with the blocks: a block has as many
// as buckets with keys, the first at its rank, and behind the m keys comes
// the sentinel, and nothing more.
func (s *keySet) validateSuper(pivot, m int) string {
	blocks, runs := s.data[pivot+superHeader:], s.data[pivot+s.runs():]
	at := int(binary.LittleEndian.Uint16(blocks))
	if at != 0 {
		return "a superblock's first rank is not zero"
	}
	for block := range 1 << s.s {
		occupied := binary.LittleEndian.Uint64(blocks[blockSize*block+2:])
		next := m
		if block+1 < 1<<s.s {
			next = int(binary.LittleEndian.Uint16(blocks[blockSize*(block+1):]))
		}
		switch {
		case next < at || next > m:
			return "a superblock's ranks do not ascend"
		case occupied == 0 && next != at:
			return "a block without buckets has keys"
		case ones(runs, at, next) != bits.OnesCount64(occupied):
			return "a block has not as many run starts as buckets"
		case occupied != 0 && runs[at>>3]>>(at&7)&1 == 0:
			return "a block's first key does not start a run"
		}
		at = next
	}
	if runs[m>>3]>>(m&7) != 1 {
		return "a superblock's run starts do not end with one"
	}
	return ""
}

// ones counts the set bits from one position to another. At least 8 bytes follow.
func ones(b []byte, from, to int) (n int) {
	for from < to {
		w := binary.LittleEndian.Uint64(b[from>>3:]) >> (from & 7)
		width := min(64-from&7, to-from)
		n += bits.OnesCount64(w << (64 - width))
		from += width
	}
	return n
}
