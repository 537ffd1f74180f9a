package crl

import (
	"cmp"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// merge is what a section is written from: the entries of base without the removed
// and the expired ones, and the upserts among them or in their place. Nothing of
// base is copied: it is decoded once for the keys and once for each column, so
// that a merge needs no more memory than the bytes that it makes. Large ones are
// done in parts, one for each processor.
type merge struct {
	rule    uint8
	form    form
	base    *section // nil for an empty one
	upserts []Entry  // by ascending key
	removed []Entry  // by ascending key; nothing but their keys counts
	dropped int64    // what ends up to here has expired; -1 expires nothing
	dated   bool     // the entries have moments
	// sum, if there is one, is brought from base's entries to the merged ones
	// while the keys are written.
	sum *Checksum

	measures
}

// measures is what has to be known of a section before its first byte.
type measures struct {
	n        int
	cut      uint64 // base's codes below it have expired
	befores  span
	moments  span
	expiries []int64
	codes    []uint64 // what becomes of base's codes
	parts    []*part
}

// minPart is how many entries are worth a processor of their own. Tests lower it.
var minPart = 1 << 15

// measure finds out what survives. The expired upserts go here: all that they do is
// to take the place of what was there.
func (m *merge) measure() {
	m.measures = measures{}
	gone := m.gone()
	expired := func(e Entry) bool { return e.Exp <= m.dropped }
	if slices.ContainsFunc(m.upserts, expired) {
		m.upserts = slices.DeleteFunc(slices.Clone(m.upserts), expired)
	}
	var table []int64 // the expiry of each of base's codes
	if m.base != nil {
		table = m.base.expiryTable()
		for m.cut < uint64(len(table)) && table[m.cut] <= m.dropped {
			m.cut++
		}
	}
	m.split(gone, m.processors())
	m.measureParts(table)
	if m.n >= minPacked && geometryOf(m.n).supers < len(m.parts) { // next to nothing is left
		m.split(gone, 1)
		m.measureParts(table)
	}
	if m.form.removed() {
		m.expiries = nil
		return
	}
	slices.Sort(m.expiries)
	m.expiries = slices.Compact(m.expiries)
	m.codes = make([]uint64, len(table))
	for code, exp := range table {
		m.codes[code] = m.code(exp)
	}
}

// measureParts adds up what the parts measure.
func (m *merge) measureParts(table []int64) {
	m.n, m.befores, m.moments, m.expiries = 0, noSpan, noSpan, nil
	m.each(func(_ int, p *part) { p.measure(len(table)) })
	for _, p := range m.parts {
		p.start = m.n
		m.n += p.n
		m.befores.join(p.befores)
		m.moments.join(p.moments)
		m.expiries = append(m.expiries, p.used...)
		for code, ok := range p.survives {
			if ok {
				m.expiries = append(m.expiries, table[code])
			}
		}
	}
}

// code is the index of an expiry in the table. Neighbours often differ, and
// there are few expiries, so a search beats a map.
func (m *merge) code(exp int64) uint64 {
	i, _ := slices.BinarySearch(m.expiries, exp)
	return uint64(i)
}

// gone are the ranks of base that are replaced or removed, ascending.
func (m *merge) gone() (gone []int) {
	if m.base == nil {
		return nil
	}
	upserts, removed := m.upserts, m.removed
	for len(upserts) > 0 || len(removed) > 0 {
		var key uint64
		if len(removed) == 0 || len(upserts) > 0 && upserts[0].Key <= removed[0].Key {
			key = upserts[0].Key
			upserts = upserts[1:]
		} else {
			key = removed[0].Key
			removed = removed[1:]
		}
		rank, ok := m.base.keys.search(key)
		if ok && (len(gone) == 0 || gone[len(gone)-1] != rank) {
			gone = append(gone, rank)
		}
	}
	return gone
}

// processors is how many are worth the work: a power of two, so that equal ranges of
// keys end where superblocks end.
func (m *merge) processors() int {
	n := len(m.upserts)
	if m.base != nil {
		n += m.base.keys.n
	}
	parts := 1
	for 2*parts <= runtime.GOMAXPROCS(0) && 2*parts*minPart <= n {
		parts *= 2
	}
	return parts
}

// split cuts the merge into parts of equal ranges of keys, which are hashes.
func (m *merge) split(gone []int, parts int) {
	m.parts = nil
	width := 64 - bits.TrailingZeros(uint(parts)) // of the keys within a part
	upserts, from := m.upserts, 0
	for i := range parts {
		p := &part{merge: m, first: uint64(i) << width, from: from, upserts: upserts, gone: gone}
		if m.base != nil {
			p.to = m.base.keys.n
		}
		if i+1 < parts {
			next := uint64(i+1) << width
			if m.base != nil {
				p.to, _ = m.base.keys.search(next)
			}
			at, _ := slices.BinarySearchFunc(upserts, next, func(e Entry, key uint64) int { return cmp.Compare(e.Key, key) })
			p.upserts, upserts = upserts[:at], upserts[at:]
			at, _ = slices.BinarySearch(gone, p.to)
			p.gone, gone = gone[:at], gone[at:]
		}
		from = p.to
		m.parts = append(m.parts, p)
	}
}

// each does something for all parts at once.
func (m *merge) each(do func(i int, p *part)) {
	if len(m.parts) == 1 {
		do(0, m.parts[0])
		return
	}
	var all sync.WaitGroup
	for i, p := range m.parts {
		all.Go(func() { do(i, p) })
	}
	all.Wait()
}

func (m *merge) expired(rank int) bool {
	return bitsAt(m.base.codes, rank, m.base.codeBits) < m.cut
}

func (m *merge) beforeBits() uint {
	if m.form != formBefore {
		return 0
	}
	return m.befores.width()
}

func (m *merge) codeBits() uint {
	if len(m.expiries) == 0 {
		return 0
	}
	return uint(bits.Len(uint(len(m.expiries) - 1)))
}
