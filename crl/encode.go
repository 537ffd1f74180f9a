package crl

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// source is what a section is encoded from. It is read more than once, so that
// nothing has to be held between counting and writing: each yields the same
// ascending entries every time, and counting tells the first, which is never repeated.
type source struct {
	rule uint8
	form form
	each func(counting bool, yield func(Entry) bool)
}

func (f *File) sources() []source {
	var all []source
	for _, s := range f.sections {
		all = append(all, source{s.rule, s.form, func(_ bool, yield func(Entry) bool) { s.each(yield) }})
	}
	return all
}

// Build encodes the snapshot (from = 0) or delta that holds the entries, and
// that removes the removed ones (of which only Rule, Key and whether Before is
// Always count). Both may come in any order and are sorted in place; no
// two of them may share rule, form and key.
func Build(from, to uint64, entries, removed []Entry) (*File, error) {
	if from >= to || from == 0 && len(removed) > 0 {
		return nil, fmt.Errorf("a list cannot lead from version %d to version %d and remove %d entries", from, to, len(removed))
	}
	var sources []source
	for _, part := range []struct {
		entries []Entry
		form    func(Entry) form
	}{{entries, Entry.form}, {removed, func(e Entry) form { return e.form().removal() }}} {
		slices.SortFunc(part.entries, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(part.form(a), part.form(b)), cmp.Compare(a.Key, b.Key))
		})
		for i := 0; i < len(part.entries); {
			rule, form, start := part.entries[i].Rule, part.form(part.entries[i]), i
			for i++; i < len(part.entries) && part.entries[i].Rule == rule && part.form(part.entries[i]) == form; i++ {
				if part.entries[i].Key == part.entries[i-1].Key {
					return nil, fmt.Errorf("the entry %d/%016x is there twice", rule, part.entries[i].Key)
				}
			}
			sources = append(sources, source{rule, form, slicePasses(part.entries[start:i])})
		}
	}
	for _, e := range entries {
		if err := e.validate(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(sources, compareSources)
	return Parse(encode(from, to, sources))
}

func (e Entry) validate() error {
	if e.Rule == 0 || e.Before < 0 || e.Before > MaxTime && e.Before != Always || e.Exp < 0 || e.Exp > MaxTime && e.Exp != Never {
		return fmt.Errorf("the entry %d/%016x has a rule, before or exp out of bounds", e.Rule, e.Key)
	}
	return nil
}

func compareSources(a, b source) int {
	return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.form, b.form))
}

func slicePasses(entries []Entry) func(bool, func(Entry) bool) {
	return func(_ bool, yield func(Entry) bool) { slices.Values(entries)(yield) }
}

// encode writes the file of the sources, which are in order; those that yield
// nothing leave no section.
func encode(from, to uint64, sources []source) []byte {
	var table, body []byte
	count := 0
	for _, src := range sources {
		m := src.measure()
		if m.n == 0 {
			continue
		}
		head, part := src.encode(m)
		table = head.append(table)
		body = append(body, part...)
		count++
	}
	out := make([]byte, 0, headerSize+len(table)+len(body)+tailSize)
	out = append(append(append(out, header(from, to, count)...), table...), body...)
	return append(out, make([]byte, tailSize)...)
}

// measures is what has to be known of a section before its first byte.
type measures struct {
	n        int
	min, max int64 // of before
	expiries []int64
}

func (src source) measure() measures {
	m := measures{min: Always}
	seen := map[int64]bool{}
	last := int64(-1)
	src.each(true, func(e Entry) bool {
		m.n++
		m.min, m.max = min(m.min, e.Before), max(m.max, e.Before)
		if e.Exp != last {
			last = e.Exp
			seen[last] = true
		}
		return true
	})
	if !src.form.removed() {
		m.expiries = slices.Sorted(maps.Keys(seen))
	}
	return m
}

func (src source) encode(m measures) (sectionHead, []byte) {
	head := sectionHead{rule: src.rule, form: src.form, n: uint64(m.n), expiries: uint32(len(m.expiries))}
	if src.form == formBefore {
		head.beforeMin, head.beforeBits = m.min, uint8(bits.Len64(uint64(m.max-m.min)))
	}
	if len(m.expiries) > 0 {
		head.codeBits = uint8(bits.Len(uint(len(m.expiries) - 1)))
	}
	befores := bitWriter{width: uint(head.beforeBits)}
	codes := bitWriter{width: uint(head.codeBits)}
	code := codesOf(m.expiries)
	columns := func(e Entry) {
		if befores.width > 0 {
			befores.append(uint64(e.Before - m.min))
		}
		if codes.width > 0 {
			codes.append(code(e.Exp))
		}
	}
	keys, packed := src.packKeys(m.n, columns)
	head.layout = layoutPacked
	if !packed {
		head.layout = layoutPlain
		befores.reset()
		codes.reset()
		keys = make([]byte, 0, 8*m.n)
		src.each(false, func(e Entry) bool {
			keys = binary.LittleEndian.AppendUint64(keys, e.Key)
			columns(e)
			return true
		})
	}
	head.keyBytes = uint64(len(keys))
	out := append(append(keys, befores.close()...), codes.close()...)
	for _, exp := range m.expiries {
		out = binary.LittleEndian.AppendUint64(out, uint64(exp))
	}
	return head, out
}

// packKeys gives ok false where the plain layout has to be used.
func (src source) packKeys(n int, column func(Entry)) (keys []byte, ok bool) {
	if n < minPacked {
		return nil, false
	}
	w := newKeyWriter(n)
	src.each(false, func(e Entry) bool {
		w.append(e.Key)
		column(e)
		return !w.skewed
	})
	return w.close()
}

// codesOf gives the index of an expiry in the table. Neighbours often differ,
// and there are few expiries, so a search beats a map.
func codesOf(expiries []int64) func(int64) uint64 {
	return func(exp int64) uint64 {
		i, _ := slices.BinarySearch(expiries, exp)
		return uint64(i)
	}
}
