package crl

import "slices"

// part is a range of a merge's keys.
type part struct {
	*merge
	first    uint64  // the least key that could be in it
	from, to int     // the ranks of base in it
	upserts  []Entry // of the merge's
	gone     []int   // of the ranks that are replaced or removed
	at       []int   // the ranks of base in front of which the upserts go

	start, n int // how many entries are in front of it, and in it
	befores  span
	moments  span
	used     []int64
	survives []bool // by code of base
	sum      Checksum
}

// measure counts what survives of the part, and notes which of base's codes still occur.
func (p *part) measure(codes int) {
	p.befores, p.moments = noSpan, noSpan
	p.at = make([]int, len(p.upserts))
	if p.base != nil {
		for i := range p.upserts {
			p.at[i], _ = p.base.keys.search(p.upserts[i].Key)
		}
	}
	p.survives = make([]bool, codes)
	p.walk(func(from, to int) {
		p.n += to - from
		for rank := from; rank < to && codes > 0; rank++ {
			p.survives[bitsAt(p.base.codes, rank, p.base.codeBits)] = true
		}
		for rank := from; rank < to && p.form == formBefore; rank++ {
			p.befores.add(p.base.before(rank))
		}
		for rank := from; rank < to && p.hasMoments(); rank++ {
			p.moments.add(p.base.moments.at(rank))
		}
	}, func(e *Entry) {
		p.n++
		p.befores.add(e.Before)
		p.moments.add(e.Moment)
		if i, ok := slices.BinarySearch(p.used, e.Exp); !ok {
			p.used = slices.Insert(p.used, i, e.Exp)
		}
	})
}

// hasMoments reports whether the part has moments, and base is there to have some.
func (p *part) hasMoments() bool { return p.dated && p.base.moments.data != nil }

// walk goes over what survives, in ascending order of the keys: runs of ranks of
// base, and upserts between them.
func (p *part) walk(base func(from, to int), upsert func(*Entry)) {
	gone, at := p.gone, p.at
	for rank := p.from; ; {
		for len(at) > 0 && (at[0] == rank || p.base == nil) {
			upsert(&p.upserts[len(p.upserts)-len(at)])
			at = at[1:]
		}
		if rank == p.to {
			return
		}
		if p.cut > 0 && p.expired(rank) || len(gone) > 0 && gone[0] == rank {
			if len(gone) > 0 && gone[0] == rank {
				gone = gone[1:]
			}
			rank++
			continue
		}
		stop := p.to
		if len(at) > 0 {
			stop = min(stop, at[0])
		}
		if len(gone) > 0 {
			stop = min(stop, gone[0])
		}
		from := rank
		for rank++; rank < stop && (p.cut == 0 || !p.expired(rank)); {
			if p.cut == 0 {
				rank = stop
			} else {
				rank++
			}
		}
		base(from, rank)
	}
}

// keys yields the surviving keys, and counts what comes and goes.
func (p *part) keys(yield func(uint64)) {
	p.sum = Checksum{}
	counts := p.merge.sum != nil
	upserts, gone := p.upserts, p.gone
	put := func() {
		if counts {
			p.sum.Add(upserts[0])
		}
		yield(upserts[0].Key)
		upserts = upserts[1:]
	}
	var keys []uint64
	chunk := 0
	if p.from < p.to {
		chunk = p.base.keys.chunk(p.first, p.from)
	}
	for rank := p.from; rank < p.to; chunk++ {
		keys = p.base.keys.decode(chunk, keys[:0])
		// The first chunk may begin in front of the part, and the last end behind it.
		begin := p.base.keys.rank(chunk)
		for _, key := range keys[rank-begin : min(len(keys), p.to-begin)] {
			for len(upserts) > 0 && upserts[0].Key <= key {
				put()
			}
			replaced := len(gone) > 0 && gone[0] == rank
			if replaced {
				gone = gone[1:]
			}
			if replaced || p.cut > 0 && p.expired(rank) {
				if counts {
					p.sum.Sub(p.base.entry(rank, key))
				}
			} else {
				yield(key)
			}
			rank++
		}
	}
	for len(upserts) > 0 {
		put()
	}
}

// writeBefores appends the befores to a column.
func (p *part) writeBefores(w *bitWriter) {
	least := p.merge.befores.min
	p.walk(func(from, to int) {
		for rank := from; rank < to; rank++ {
			w.append(uint64(p.base.before(rank) - least))
		}
	}, func(e *Entry) { w.append(uint64(e.Before - least)) })
}

// writeMoments appends the moments to a column.
func (p *part) writeMoments(w *bitWriter) {
	least := p.merge.moments.min
	p.walk(func(from, to int) {
		for rank := from; rank < to; rank++ {
			w.append(uint64(p.base.moments.at(rank) - least))
		}
	}, func(e *Entry) { w.append(uint64(e.Moment - least)) })
}

// expiryCodes appends the codes of the expiries to a column.
func (p *part) expiryCodes(w *bitWriter) {
	p.walk(func(from, to int) {
		codes, old := p.base.codes, p.base.codeBits
		for rank := from; rank < to; rank++ {
			w.append(p.codes[bitsAt(codes, rank, old)])
		}
	}, func(e *Entry) { w.append(p.code(e.Exp)) })
}
