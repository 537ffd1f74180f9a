package crl

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"
)

// A Checksum is the sum of all entries of a state, see the package comment. The
// zero value is the checksum of no entries. It shows that two parties hold the same
// list; it is not a defence against somebody who may choose both.
type Checksum [4]uint64

// Add counts the entry in.
func (c *Checksum) Add(e Entry) {
	h := e.hash()
	for i := range c {
		c[i] += binary.LittleEndian.Uint64(h[8*i:])
	}
}

// Sub takes an entry back that was added.
func (c *Checksum) Sub(e Entry) {
	h := e.hash()
	for i := range c {
		c[i] -= binary.LittleEndian.Uint64(h[8*i:])
	}
}

// join counts in what another checksum counted.
func (c *Checksum) join(o Checksum) {
	for i := range c {
		c[i] += o[i]
	}
}

// Bytes is the checksum as manifests carry it: four lanes, little endian.
func (c Checksum) Bytes() []byte {
	var b [32]byte
	for i, lane := range c {
		binary.LittleEndian.PutUint64(b[8*i:], lane)
	}
	return b[:]
}

// ChecksumFromBytes is the inverse of Bytes; ok is false if b is not 32 bytes.
func ChecksumFromBytes(b []byte) (c Checksum, ok bool) {
	if len(b) != 32 {
		return c, false
	}
	for i := range c {
		c[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return c, true
}

func (e Entry) hash() [32]byte {
	var b [26]byte
	b[0], b[1] = e.Rule, byte(e.form())
	binary.LittleEndian.PutUint64(b[2:], e.Key)
	if !e.Outright() {
		binary.LittleEndian.PutUint64(b[10:], uint64(e.Before))
	}
	binary.LittleEndian.PutUint64(b[18:], uint64(e.Exp))
	return sha256.Sum256(b[:])
}

// Checksum adds up all entries. It hashes every one of them, on all processors.
func (f *File) Checksum() Checksum {
	defer runtime.KeepAlive(f)
	return inParts(func(c *Checksum, part, parts int) {
		for _, s := range f.sections {
			if !s.form.removed() {
				s.addTo(c, part, parts)
			}
		}
	})
}

// ChecksumOf adds up the entries, on all processors.
func ChecksumOf(entries []Entry) Checksum {
	return inParts(func(c *Checksum, part, parts int) {
		for i := part; i < len(entries); i += parts {
			c.Add(entries[i])
		}
	})
}

// inParts adds up what so many parts, one for each processor, come to.
func inParts(add func(c *Checksum, part, parts int)) Checksum {
	sums := make([]Checksum, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for part := range sums {
		all.Go(func() {
			var c Checksum
			add(&c, part, len(sums))
			sums[part] = c
		})
	}
	all.Wait()
	var total Checksum
	for _, c := range sums {
		total.join(c)
	}
	return total
}

// addTo adds one of so many parts of the section's entries.
func (s *section) addTo(c *Checksum, part, parts int) {
	var keys []uint64
	for chunk := part; chunk < s.keys.chunks(); chunk += parts {
		keys = s.keys.decode(chunk, keys[:0])
		for i, key := range keys {
			c.Add(s.entry(s.keys.rank(chunk)+i, key))
		}
	}
}
