package crl

import (
	"encoding/binary"
	"math/bits"
)

// form is what a section holds, in the order in which sections stand in a file.
type form uint8

const (
	formOutright form = iota // entries without before
	formBefore
	formRemovedOutright // keys that left formOutright
	formRemovedBefore
	forms
)

func (f form) removed() bool { return f >= formRemovedOutright }

// removal is the form that lists the keys that left f.
func (f form) removal() form { return f + formRemovedOutright }

const (
	sectionSize = 64
	// maxSection is the most entries of a section; with it no size or offset
	// inside a section overflows, and pivots fit in 32 bits.
	maxSection = 1 << 29
)

// section is one validated section of a file.
type section struct {
	rule     uint8
	form     form
	keys     *keySet
	befores  numbers
	moments  numbers // without data in the files of readers
	codeBits uint
	codes    []byte
	expiries []int64
}

func (s *section) before(rank int) int64 {
	if s.form == formOutright {
		return Always
	}
	return s.befores.at(rank)
}

// exp of a code that the table does not have is Never: nobody wrote such a
// file, and of all answers this one forgets no revocation.
func (s *section) exp(rank int) int64 {
	code := bitsAt(s.codes, rank, s.codeBits)
	if code >= uint64(len(s.expiries)) {
		return Never
	}
	return s.expiries[code]
}

// expiryTable is what exp gives for each of the codes, also those that do not occur.
func (s *section) expiryTable() []int64 {
	if s.form.removed() {
		return nil
	}
	table := make([]int64, 1<<s.codeBits)
	for i := range table {
		table[i] = Never
	}
	copy(table, s.expiries)
	return table
}

func (s *section) entry(rank int, key uint64) Entry {
	e := Entry{Rule: s.rule, Key: key}
	if !s.form.removed() {
		e.Before, e.Exp = s.before(rank), s.exp(rank)
		if s.moments.data != nil {
			e.Moment = s.moments.at(rank)
		}
	}
	return e
}

// find is the rank of a key; a section that is not there holds none.
func (s *section) find(key uint64) (rank int, ok bool) {
	if s == nil {
		return 0, false
	}
	return s.keys.find(key)
}

// lookup finds a key's entry; a section that is not there holds none.
func (s *section) lookup(key uint64) (Entry, bool) {
	if s == nil {
		return Entry{}, false
	}
	rank, ok := s.keys.find(key)
	if !ok {
		return Entry{}, false
	}
	return s.entry(rank, key), true
}

// each yields the section's entries in ascending order of their keys.
func (s *section) each(yield func(Entry) bool) bool {
	return s.keys.each(func(rank int, key uint64) bool { return yield(s.entry(rank, key)) })
}

// sectionHead is a section's row in the table.
type sectionHead struct {
	rule       uint8
	form       form
	layout     uint8
	beforeBits uint8
	codeBits   uint8
	n          uint64
	keyBytes   uint64
	beforeMin  int64
	expiries   uint32
}

// put writes the row into 64 zero bytes.
func (h sectionHead) put(row []byte) {
	copy(row, []byte{h.rule, byte(h.form), h.layout, h.beforeBits, h.codeBits})
	binary.LittleEndian.PutUint64(row[8:], h.n)
	binary.LittleEndian.PutUint64(row[16:], h.keyBytes)
	binary.LittleEndian.PutUint64(row[24:], uint64(h.beforeMin))
	binary.LittleEndian.PutUint32(row[32:], h.expiries)
}

func parseSectionHead(row []byte) (h sectionHead, why string) {
	h = sectionHead{
		rule: row[0], form: form(row[1]), layout: row[2], beforeBits: row[3], codeBits: row[4],
		n:         binary.LittleEndian.Uint64(row[8:]),
		keyBytes:  binary.LittleEndian.Uint64(row[16:]),
		beforeMin: int64(binary.LittleEndian.Uint64(row[24:])),
		expiries:  binary.LittleEndian.Uint32(row[32:]),
	}
	var again [sectionSize]byte
	if h.put(again[:]); string(again[:]) != string(row) {
		return h, "reserved bytes are not zero"
	}
	switch {
	case h.rule == 0:
		return h, "the rule id is zero"
	case h.form >= forms:
		return h, "the form is unknown"
	case h.n == 0 || h.n > maxSection:
		return h, "the number of entries is out of bounds"
	case h.form != formBefore && (h.beforeBits != 0 || h.beforeMin != 0):
		return h, "it has no befores, but says how they are stored"
	case h.beforeBits > maxBits || h.beforeMin < 0 || h.beforeMin > MaxTime:
		return h, "the befores are out of bounds"
	case h.form.removed() && (h.expiries != 0 || h.codeBits != 0):
		return h, "it has no expiries, but says how they are stored"
	case h.form.removed():
	case h.expiries == 0 || uint64(h.expiries) > h.n:
		return h, "the number of expiries is out of bounds"
	case int(h.codeBits) != bits.Len32(h.expiries-1):
		return h, "the width of the expiry codes does not fit their number"
	}
	return h, ""
}

// parseBody validates the section's body at the front of data and gives the
// number of bytes that it takes. At least 8 bytes follow the last section.
func (h sectionHead) parseBody(data []byte) (s *section, size uint64, why string) {
	if h.keyBytes > uint64(len(data)) || h.keyBytes%8 != 0 {
		return nil, 0, "the keys end beyond the file"
	}
	keys, why := parseKeys(data, h.keyBytes, int(h.n), h.layout)
	if why != "" {
		return nil, 0, why
	}
	s = &section{
		rule: h.rule, form: h.form, keys: keys,
		befores: numbers{width: uint(h.beforeBits), min: h.beforeMin}, codeBits: uint(h.codeBits),
	}
	befores := h.keyBytes
	codes := befores + packedSize(h.n, s.befores.width)
	table := codes + packedSize(h.n, s.codeBits)
	size = table + 8*uint64(h.expiries)
	if size+8 > uint64(len(data)) {
		return nil, 0, "its columns end beyond the file"
	}
	s.befores.data, s.codes = data[befores:codes+8:codes+8], data[codes:table+8:table+8]
	s.expiries = make([]int64, h.expiries)
	for i := range s.expiries {
		exp := int64(binary.LittleEndian.Uint64(data[table+8*uint64(i):]))
		if exp < 0 || exp > MaxTime && exp != Never || i > 0 && exp <= s.expiries[i-1] {
			return nil, 0, "the expiry table is not ascending within bounds"
		}
		s.expiries[i] = exp
	}
	return s, size, ""
}
