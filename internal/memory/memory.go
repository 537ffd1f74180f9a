// Package memory gives the large blocks in which lists live.
//
// They lie outside the Go heap, for two reasons. A list of 60 MB in the heap lets
// the collector of the program around it wait for 60 MB more of garbage before it
// runs, so the list would cost twice its size. And where the platform has huge
// pages these blocks ask for them, which a lookup in a large list feels: it is
// one read at a random place, and with small pages the search for the page costs
// as much as the read.
//
// A verified cache file is read into such a block rather than mapped: what lies in a
// mapped file can change after it was verified, and reading a file that
// somebody cut kills the process.
package memory

import "runtime"

// minOutside is the size from which a block lies outside the heap. Below it
// neither reason counts, and a mapping of its own would cost more.
const minOutside = 1 << 20

// A Block owns bytes. When it is not reachable any more they are freed, so
// whoever uses the bytes keeps the block, with [runtime.KeepAlive] where nothing
// else does.
type Block struct{ data []byte }

// Make gives a block of n zero bytes.
func Make(n int) *Block {
	if n >= minOutside {
		if b := outside(n); b != nil {
			return b
		}
	}
	return &Block{make([]byte, n)}
}

// Bytes are the block's bytes, valid as long as the block is reachable.
func (b *Block) Bytes() []byte { return b.data }

// own makes a block of a mapping, of which it uses n bytes from start on.
func own(mapping []byte, start, n int, free func([]byte)) *Block {
	b := &Block{mapping[start : start+n : start+n]}
	runtime.AddCleanup(b, free, mapping)
	return b
}
