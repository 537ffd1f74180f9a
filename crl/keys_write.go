package crl

import (
	"encoding/binary"
	"math"
)

// keyWriter encodes ascending keys in the packed layout, a superblock at a time. It
// writes those of some superblocks, from a place on that lies behind all that
// the superblocks in front of them can take.
type keyWriter struct {
	geometry
	out        []byte // zero bytes beyond end
	begin, end int    // of what is written
	from, to   int    // its superblocks
	super      int    // the one under way
	base       int    // keys in front of it
	keys       []uint64
	failed     bool // the keys need the plain layout
}

// bound is enough room for n keys in so many superblocks.
func (g geometry) bound(n, supers int) int {
	// Each superblock rounds two parts up to bytes, and has a sentinel; words are
	// written whole, up to 8 bytes beyond the last one.
	return int(packedSize(uint64(n), g.l)) + n/8 + supers*(g.runs()+3) + 24
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
	pivot := w.end + (m*int(w.l)+7)/8
	w.failed = w.failed || m > maxSuper || uint64(pivot) > math.MaxUint32
	if w.failed {
		return
	}
	w.end = pivot + w.runs() + (m+1+7)/8
	binary.LittleEndian.PutUint32(w.out[4*w.super:], uint32(pivot))
	mask := uint64(1)<<w.l - 1
	at := uint64(pivot) * 8
	for _, key := range w.keys {
		at -= uint64(w.l)
		word := w.out[at>>3:][:8]
		binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|(key&mask)<<(at&7))
	}
	binary.LittleEndian.PutUint32(w.out[pivot:], uint32(w.base))
	runs := w.out[pivot+w.runs():]
	i := 0
	for block := range 1 << w.s {
		at := w.out[pivot+superHeader+blockSize*block:]
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
}

// close writes the superblocks that are left.
func (w *keyWriter) close() {
	w.flush(w.to)
	w.failed = w.failed || uint64(w.end) > math.MaxUint32
}

// join moves what was written to where what lies in front of it ends.
func (w *keyWriter) join(end int) {
	down := w.begin - end
	copy(w.out[end:], w.out[w.begin:w.end])
	clear(w.out[max(w.begin, w.end-down):w.end])
	w.begin, w.end = end, w.end-down
	for super := w.from; super < w.to; super++ {
		pivot := w.out[4*super:]
		binary.LittleEndian.PutUint32(pivot, binary.LittleEndian.Uint32(pivot)-uint32(down))
	}
}
