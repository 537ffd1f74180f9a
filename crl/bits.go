package crl

import (
	"encoding/binary"
	"math/bits"
)

// maxBits is the widest value that one unaligned 8-byte load always covers.
const maxBits = 57

// bitWriter packs values of one width, lowest bit first, into bytes that are there.
type bitWriter struct {
	out   []byte
	width uint
	acc   uint64
	used  uint
	at    int // bytes of out that are written
}

func (w *bitWriter) append(v uint64) {
	w.acc |= v << w.used
	w.used += w.width
	if w.used >= 64 {
		binary.LittleEndian.PutUint64(w.out[w.at:], w.acc)
		w.at += 8
		w.used -= 64
		w.acc = v >> (w.width - w.used)
	}
}

// close writes what is left, and gives the number of bytes, a multiple of 8.
func (w *bitWriter) close() int {
	if w.used > 0 {
		binary.LittleEndian.PutUint64(w.out[w.at:], w.acc)
		w.at += 8
	}
	return w.at
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
