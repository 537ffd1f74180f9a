package crl

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/revocast/revocast/internal/memory"
)

// Build encodes the snapshot (from = 0) or delta that holds the entries, and
// that removes the removed ones (of which only Rule, Key and whether Before is
// Always count). Both may come in any order and are sorted in place; no
// two of them may share rule, form and key.
func Build(from, to uint64, entries, removed []Entry) (*File, error) {
	if from >= to || from == 0 && len(removed) > 0 {
		return nil, fmt.Errorf("a list cannot lead from version %d to version %d and remove %d entries", from, to, len(removed))
	}
	dated := false
	for _, e := range entries {
		if err := e.validate(); err != nil {
			return nil, err
		}
		dated = dated || e.Moment != 0
	}
	var merges []*merge
	for _, part := range []struct {
		entries []Entry
		form    func(Entry) form
	}{{entries, Entry.form}, {removed, func(e Entry) form { return e.form().removal() }}} {
		slices.SortFunc(part.entries, compareEntries)
		for i := 0; i < len(part.entries); {
			rule, form, start := part.entries[i].Rule, part.form(part.entries[i]), i
			for i++; i < len(part.entries) && part.entries[i].Rule == rule && part.form(part.entries[i]) == form; i++ {
				if part.entries[i].Key == part.entries[i-1].Key {
					return nil, fmt.Errorf("the entry %d/%016x is there twice", rule, part.entries[i].Key)
				}
			}
			merges = append(merges, &merge{rule: rule, form: form, upserts: part.entries[start:i], dropped: -1, dated: dated})
		}
	}
	slices.SortFunc(merges, compareMerges)
	return encode(from, to, merges)
}

// compareEntries is the order of entries in a file.
func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.form(), b.form()), cmp.Compare(a.Key, b.Key))
}

func (e Entry) validate() error {
	if e.Rule == 0 || e.Before < 0 || e.Before > MaxTime && e.Before != Always || e.Exp < 0 || e.Exp > MaxTime && e.Exp != Never || e.Moment < 0 || e.Moment > 1000*MaxTime {
		return fmt.Errorf("the entry %d/%016x has a rule, before, exp or moment out of bounds", e.Rule, e.Key)
	}
	return nil
}

func compareMerges(a, b *merge) int {
	return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.form, b.form))
}

// encode writes the file of the merges, which are in order; those of which nothing
// is left make no section.
func encode(from, to uint64, merges []*merge) (*File, error) {
	size := headerSize + tailSize
	for _, m := range merges {
		m.measure()
		size += sectionSize + m.room()
	}
	merges = slices.DeleteFunc(merges, func(m *merge) bool {
		if m.n == 0 {
			m.each(func(_ int, p *part) { p.keys(func(uint64) {}) }) // what goes is counted there
			m.count()
		}
		return m.n == 0
	})
	block := memory.Make(size)
	out := block.Bytes()
	copy(out, header(from, to, len(merges)))
	at := headerSize + sectionSize*len(merges)
	for i, m := range merges {
		head, n := m.write(out[at:])
		head.put(out[headerSize+sectionSize*i:])
		at += n
	}
	f, err := ParseKeeping(out[:at+tailSize], block)
	if err != nil || !slices.ContainsFunc(merges, func(m *merge) bool { return m.dated }) {
		return f, err
	}
	moments := encodeMoments(merges)
	return f.WithMoments(moments.Bytes(), moments)
}

// room is enough for the section.
func (m *merge) room() int {
	columns := packedSize(uint64(m.n), m.beforeBits()) + packedSize(uint64(m.n), m.codeBits()) + 8*uint64(len(m.expiries))
	keys := 8 * m.n
	if m.n >= minPacked {
		_, room := m.keyWriters(nil)
		keys = max(keys, room)
	}
	return keys + int(columns)
}

// write writes the section and gives its row and its size.
func (m *merge) write(out []byte) (head sectionHead, size int) {
	head = sectionHead{
		rule: m.rule, form: m.form, n: uint64(m.n), expiries: uint32(len(m.expiries)),
		beforeBits: uint8(m.beforeBits()), codeBits: uint8(m.codeBits()),
	}
	if m.form == formBefore {
		head.beforeMin = m.befores.min
	}
	size, packed := m.pack(out)
	head.layout = layoutPacked
	if !packed {
		head.layout = layoutPlain
		m.each(func(_ int, p *part) {
			at := 8 * p.start
			p.keys(func(key uint64) {
				binary.LittleEndian.PutUint64(out[at:], key)
				at += 8
			})
		})
		size = 8 * m.n
	}
	m.count()
	head.keyBytes = uint64(size)
	size += m.column(out[size:], m.beforeBits(), (*part).writeBefores)
	size += m.column(out[size:], m.codeBits(), (*part).expiryCodes)
	for _, exp := range m.expiries {
		binary.LittleEndian.PutUint64(out[size:], uint64(exp))
		size += 8
	}
	return head, size
}

// count brings the checksum to what the keys came to.
func (m *merge) count() {
	for _, p := range m.parts {
		if m.sum != nil {
			m.sum.join(p.sum)
		}
	}
}

// keyWriters gives a writer for each part, and the room that they need.
func (m *merge) keyWriters(out []byte) (all []*keyWriter, room int) {
	g := geometryOf(m.n)
	room = g.dirSize()
	for i, p := range m.parts {
		w := &keyWriter{geometry: g, out: out, begin: room, end: room, from: g.super(p.first), to: g.supers, base: p.start}
		if i+1 < len(m.parts) {
			w.to = g.super(m.parts[i+1].first)
		}
		w.super = w.from
		room += g.bound(p.n, w.to-w.from)
		all = append(all, w)
	}
	return all, room
}

// pack gives ok false, and zeros, where the plain layout has to be used.
func (m *merge) pack(out []byte) (size int, ok bool) {
	if m.n < minPacked {
		return 0, false
	}
	all, _ := m.keyWriters(out)
	m.each(func(i int, p *part) {
		p.keys(all[i].append)
		all[i].close()
	})
	end := all[0].begin
	for _, w := range all {
		w.join(end)
		end = w.end
		if w.failed {
			clear(out[:all[len(all)-1].end])
			return 0, false
		}
	}
	binary.LittleEndian.PutUint32(out[4*all[0].supers:], uint32(end))
	return int(round8(uint64(end))), true
}

// column writes a column and gives its size.
func (m *merge) column(out []byte, width uint, write func(*part, *bitWriter)) int {
	if width == 0 {
		return 0
	}
	all := make([]*bitWriter, len(m.parts))
	m.each(func(i int, p *part) {
		all[i] = bitsFrom(out, width, p.start)
		write(p, all[i])
		all[i].close()
	})
	for _, w := range all {
		w.join()
	}
	return int(packedSize(uint64(m.n), width))
}
