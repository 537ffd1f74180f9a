package crl

import (
	"math/bits"
	"slices"
)

// merge is what a section is written from: the entries of base without the removed
// and the expired ones, and the upserts among them or in their place. Nothing of
// base is copied: it is decoded once for the keys and once for each column, so
// that a merge needs no more memory than the bytes that it makes.
type merge struct {
	rule    uint8
	form    form
	base    *section // nil for an empty one
	upserts []Entry  // by ascending key
	removed []Entry  // by ascending key; nothing but their keys counts
	dropped int64    // what ends up to here has expired; -1 expires nothing
	// sum, if there is one, is brought from base's entries to the merged ones
	// while the keys are written.
	sum *Checksum

	measures
}

// measures is what has to be known of a section before its first byte.
type measures struct {
	n        int
	gone     []int  // ranks of base that are replaced or removed, ascending
	at       []int  // the ranks of base in front of which the upserts go
	cut      uint64 // base's codes below it have expired
	min, max int64  // of before
	expiries []int64
	codes    []uint64 // what becomes of base's codes
}

// measure finds out what survives. The expired upserts go here: all that they do is
// to take the place of what was there.
func (m *merge) measure() {
	m.measures = measures{min: Always}
	m.findGone()
	expired := func(e Entry) bool { return e.Exp <= m.dropped }
	if slices.ContainsFunc(m.upserts, expired) {
		m.upserts = slices.DeleteFunc(slices.Clone(m.upserts), expired)
	}
	m.at = make([]int, len(m.upserts))
	if m.base != nil {
		for i := range m.upserts {
			m.at[i], _ = m.base.keys.search(m.upserts[i].Key)
		}
	}
	var table, used []int64 // the expiry of each of base's codes, and those that survive
	var survives []bool
	if m.base != nil {
		table = m.base.expiryTable()
		survives = make([]bool, len(table))
		for m.cut < uint64(len(table)) && table[m.cut] <= m.dropped {
			m.cut++
		}
	}
	m.walk(func(from, to int) {
		m.n += to - from
		for rank := from; rank < to && len(table) > 0; rank++ {
			survives[bitsAt(m.base.codes, rank, m.base.codeBits)] = true
		}
		for rank := from; rank < to && m.form == formBefore; rank++ {
			m.bound(m.base.before(rank))
		}
	}, func(e *Entry) {
		m.n++
		m.bound(e.Before)
		if i, ok := slices.BinarySearch(used, e.Exp); !ok {
			used = slices.Insert(used, i, e.Exp)
		}
	})
	if m.form.removed() {
		return
	}
	for code, ok := range survives {
		if ok {
			used = append(used, table[code])
		}
	}
	slices.Sort(used)
	m.expiries = slices.Compact(used)
	m.codes = make([]uint64, len(table))
	for code, exp := range table {
		m.codes[code] = m.code(exp)
	}
}

func (m *merge) bound(before int64) { m.min, m.max = min(m.min, before), max(m.max, before) }

// code is the index of an expiry in the table. Neighbours often differ, and
// there are few expiries, so a search beats a map.
func (m *merge) code(exp int64) uint64 {
	i, _ := slices.BinarySearch(m.expiries, exp)
	return uint64(i)
}

// findGone looks up the keys that are replaced or removed.
func (m *merge) findGone() {
	if m.base == nil {
		return
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
		if ok && (len(m.gone) == 0 || m.gone[len(m.gone)-1] != rank) {
			m.gone = append(m.gone, rank)
		}
	}
}

// walk goes over what survives, in ascending order of the keys: runs of ranks of
// base, and upserts between them.
func (m *merge) walk(base func(from, to int), upsert func(*Entry)) {
	end := 0
	if m.base != nil {
		end = m.base.keys.n
	}
	gone, at := m.gone, m.at
	for rank := 0; ; {
		for len(at) > 0 && at[0] == rank {
			upsert(&m.upserts[len(m.upserts)-len(at)])
			at = at[1:]
		}
		if rank == end {
			return
		}
		if m.cut > 0 && m.expired(rank) || len(gone) > 0 && gone[0] == rank {
			if len(gone) > 0 && gone[0] == rank {
				gone = gone[1:]
			}
			rank++
			continue
		}
		stop := end
		if len(at) > 0 {
			stop = min(stop, at[0])
		}
		if len(gone) > 0 {
			stop = min(stop, gone[0])
		}
		from := rank
		for rank++; rank < stop && (m.cut == 0 || !m.expired(rank)); {
			if m.cut == 0 {
				rank = stop
			} else {
				rank++
			}
		}
		base(from, rank)
	}
}

func (m *merge) expired(rank int) bool {
	return bitsAt(m.base.codes, rank, m.base.codeBits) < m.cut
}

// keys yields the surviving keys, and counts what comes and goes.
func (m *merge) keys(yield func(uint64)) {
	upserts, gone := m.upserts, m.gone
	put := func() {
		if m.sum != nil {
			m.sum.Add(upserts[0])
		}
		yield(upserts[0].Key)
		upserts = upserts[1:]
	}
	if m.base != nil {
		var keys []uint64
		rank := 0
		for chunk := range m.base.keys.chunks() {
			keys = m.base.keys.decode(chunk, keys[:0])
			for _, key := range keys {
				for len(upserts) > 0 && upserts[0].Key <= key {
					put()
				}
				replaced := len(gone) > 0 && gone[0] == rank
				if replaced {
					gone = gone[1:]
				}
				if replaced || m.cut > 0 && m.expired(rank) {
					if m.sum != nil {
						m.sum.Sub(m.base.entry(rank, key))
					}
				} else {
					yield(key)
				}
				rank++
			}
		}
	}
	for len(upserts) > 0 {
		put()
	}
}

// columns writes the befores and the expiry codes, and gives their size.
func (m *merge) columns(out []byte) (size int) {
	if width := m.beforeBits(); width > 0 {
		w := bitWriter{out: out, width: width}
		m.walk(func(from, to int) {
			for rank := from; rank < to; rank++ {
				w.append(uint64(m.base.before(rank) - m.min))
			}
		}, func(e *Entry) { w.append(uint64(e.Before - m.min)) })
		size += w.close()
	}
	if width := m.codeBits(); width > 0 {
		w := bitWriter{out: out[size:], width: width}
		m.walk(func(from, to int) {
			codes, old := m.base.codes, m.base.codeBits
			for rank := from; rank < to; rank++ {
				w.append(m.codes[bitsAt(codes, rank, old)])
			}
		}, func(e *Entry) { w.append(m.code(e.Exp)) })
		size += w.close()
	}
	return size
}

func (m *merge) beforeBits() uint {
	if m.form != formBefore {
		return 0
	}
	return uint(bits.Len64(uint64(m.max - m.min)))
}

func (m *merge) codeBits() uint {
	if len(m.expiries) == 0 {
		return 0
	}
	return uint(bits.Len(uint(len(m.expiries) - 1)))
}
