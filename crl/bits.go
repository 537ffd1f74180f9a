package crl

import (
	"encoding/binary"
	"math/bits"
)

// maxBits is the widest value that one unaligned 8-byte load always covers.
const maxBits = 57

// bitWriter packs values of one width, lowest bit first.
type bitWriter struct {
	buf   []byte
	width uint
	acc   uint64
	used  uint
}

func (w *bitWriter) append(v uint64) {
	w.acc |= v << w.used
	w.used += w.width
	for w.used >= 8 {
		w.buf = append(w.buf, byte(w.acc))
		w.acc >>= 8
		w.used -= 8
	}
}

// close pads to a multiple of 8 bytes and gives the bytes.
func (w *bitWriter) close() []byte {
	if w.used > 0 {
		w.buf = append(w.buf, byte(w.acc))
	}
	return pad8(w.buf)
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

func round8(n uint64) uint64 { return (n + 7) &^ 7 }

func pad8(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

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

// reset starts over with no values.
func (w *bitWriter) reset() { w.buf, w.acc, w.used = w.buf[:0], 0, 0 }
