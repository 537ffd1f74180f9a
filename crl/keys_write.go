package crl

import (
	"encoding/binary"
	"math"
)

// keyWriter encodes ascending keys in the packed layout, a superblock at a time.
type keyWriter struct {
	geometry
	out    []byte // zero bytes beyond end
	end    int    // of what is written
	super  int
	base   int      // keys in the superblocks before super
	keys   []uint64 // of the superblock under way
	failed bool     // the keys need the plain layout
}

// packedBound is enough room for n keys in the packed layout.
func packedBound(n int) int {
	g := geometryOf(n)
	// Each superblock rounds two parts up to bytes, and has a sentinel; words are
	// written whole, up to 8 bytes beyond the last one.
	return g.dirSize() + int(packedSize(uint64(n), g.l)) + n/8 + g.supers*(g.runs()+3) + 24
}

func newKeyWriter(n int, out []byte) *keyWriter {
	w := &keyWriter{geometry: geometryOf(n), out: out}
	w.end = w.dirSize()
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

// close gives the number of bytes, or ok false if the keys need the plain layout.
func (w *keyWriter) close() (size int, ok bool) {
	w.flush(w.supers)
	if w.failed || uint64(w.end) > math.MaxUint32 {
		return 0, false
	}
	binary.LittleEndian.PutUint32(w.out[4*w.supers:], uint32(w.end))
	return int(round8(uint64(w.end))), true
}
