package crl

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// maxBits is the widest value that one unaligned 8-byte load always covers.
const maxBits = 57

// bitWriter packs values of one width, lowest bit first, into bytes that are there. It
// may begin in the middle of a word that somebody else writes meanwhile: what
// belongs there is kept, until join.
type bitWriter struct {
	out   []byte
	width uint
	acc   uint64
	used  uint
	at    int // the byte of out where the next word goes
	seam  int // where the word lies that is shared, or -1
	share uint64
}

// bitsFrom is a writer of the values from the i-th on.
func bitsFrom(out []byte, width uint, i int) *bitWriter {
	bit := uint64(i) * uint64(width)
	w := &bitWriter{out: out, width: width, used: uint(bit & 63), at: int(bit >> 6 << 3), seam: -1}
	if w.used > 0 {
		w.seam = w.at
	}
	return w
}

func (w *bitWriter) append(v uint64) {
	w.acc |= v << w.used
	w.used += w.width
	if w.used >= 64 {
		w.word()
		w.used -= 64
		w.acc = v >> (w.width - w.used)
	}
}

func (w *bitWriter) word() {
	if w.at == w.seam {
		w.share = w.acc
	} else {
		binary.LittleEndian.PutUint64(w.out[w.at:], w.acc)
	}
	w.at += 8
}

// close writes what is left.
func (w *bitWriter) close() {
	if w.used > 0 {
		w.word()
	}
}

// join writes what the shared word lacks, when all that is in front of it is written.
func (w *bitWriter) join() {
	if w.seam >= 0 {
		word := w.out[w.seam:]
		binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|w.share)
	}
}

// packedSize is the number of bytes that n values of a width take, padded to 8.
func packedSize(n uint64, width uint) uint64 { return round8((n*uint64(width) + 7) / 8) }

// bitsAt reads the i-th value. The caller's data reaches 8 bytes beyond the values.
func bitsAt(data []byte, i int, width uint) uint64 {
	if width == 0 {
		return 0
	}
	at := uint64(i) * uint64(width)
	return binary.LittleEndian.Uint64(data[at>>3:]) >> (at & 7) & (1<<width - 1)
}

// numbers is a packed column of numbers, each of which is its difference to the smallest.
type numbers struct {
	width uint
	min   int64
	data  []byte // reaches 8 bytes beyond the values
}

func (c *numbers) at(i int) int64 { return c.min + int64(bitsAt(c.data, i, c.width)) }

// span is the range of some numbers. Its zero value is not ready: see noSpan.
type span struct{ min, max int64 }

var noSpan = span{min: math.MaxInt64}

// add widens the span to hold a number.
func (s *span) add(n int64) { s.min, s.max = min(s.min, n), max(s.max, n) }

// join widens the span to hold another one.
func (s *span) join(o span) { s.min, s.max = min(s.min, o.min), max(s.max, o.max) }

// width is how many bits the differences to the smallest number take.
func (s *span) width() uint {
	if s.max <= s.min {
		return 0
	}
	return uint(bits.Len64(uint64(s.max - s.min)))
}

func round8(n uint64) uint64 { return (n + 7) &^ 7 }

// select64 is the position of the i-th set bit of w, counted from zero; w has
// more than i set bits.
func select64(w uint64, i int) int {
	at := 0
	if c := bits.OnesCount32(uint32(w)); i >= c {
		i, at, w = i-c, at+32, w>>32
	}
	if c := bits.OnesCount16(uint16(w)); i >= c {
		i, at, w = i-c, at+16, w>>16
	}
	if c := bits.OnesCount8(uint8(w)); i >= c {
		i, at, w = i-c, at+8, w>>8
	}
	for ; i > 0; i-- {
		w &= w - 1
	}
	return at + bits.TrailingZeros64(w)
}
