package vectors

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
)

// broken is a file that must be refused.
type broken struct {
	Why  string `json:"why"`
	Data string `json:"data"` // hex
	// Verify tells that a reader may take the file, because every use of it is
	// bounded, and that only who checks for the one canonical encoding refuses it.
	Verify bool `json:"verify_only,omitempty"`
}

// header, table and body are where the parts of a file with one section begin.
const (
	table = 64
	body  = 128
)

func (s *set) brokenLists() error {
	small, err := crl.Build(0, 3, []crl.Entry{outright(1, 5, moment), outright(1, 7, moment+60), outright(1, 9, moment)}, nil)
	if err != nil {
		return err
	}
	befores, err := crl.Build(0, 3, []crl.Entry{{Rule: 1, Key: 5, Before: moment, Exp: moment}, {Rule: 1, Key: 7, Before: moment + 5, Exp: moment}}, nil)
	if err != nil {
		return err
	}
	var all []broken
	add := func(why string, f *crl.File, change func(b []byte) []byte) error {
		data := change(slices.Clone(f.Bytes()))
		v := broken{Why: why, Data: hex.EncodeToString(data)}
		if parsed, err := crl.Parse(data); err == nil {
			if parsed.Verify() == nil {
				return fmt.Errorf("%s: it is a good file", why)
			}
			v.Verify = true
		}
		all = append(all, v)
		return nil
	}
	set := func(at int, bytes ...byte) func([]byte) []byte {
		return func(b []byte) []byte {
			copy(b[at:], bytes)
			return b
		}
	}
	u64 := func(at int, v uint64) func([]byte) []byte {
		return set(at, binary.LittleEndian.AppendUint64(nil, v)...)
	}
	for _, test := range []struct {
		why    string
		f      *crl.File
		change func([]byte) []byte
	}{
		{"no bytes", small, func(b []byte) []byte { return nil }},
		{"less than a header", small, func(b []byte) []byte { return b[:63] }},
		{"another magic", small, set(0, 'r')},
		{"format version 2", small, set(8, 2)},
		{"more sections than there are bytes", small, set(10, 0xff, 0xff)},
		{"header padding", small, set(12, 1)},
		{"header padding at its end", small, set(63, 1)},
		{"from is not before to", small, u64(16, 3)},
		{"to is 0", small, u64(24, 0)},
		{"rule 0", small, set(table, 0)},
		{"form 4", small, set(table+1, 4)},
		{"a snapshot that removes", small, set(table+1, 2)},
		{"key layout 2", small, set(table+2, 2)},
		{"few keys in the packed layout", small, set(table+2, 1)},
		{"before bits in a section without befores", small, set(table+3, 1)},
		{"more bits than an expiry code can have", small, set(table+4, 64)},
		{"more expiry bits than needed", small, set(table+4, 2)},
		{"section padding", small, set(table+5, 1)},
		{"no entries", small, u64(table+8, 0)},
		{"entries without end", small, u64(table+8, 1<<62)},
		{"a key length that overflows", small, u64(table+16, ^uint64(0)-7)},
		{"a key length of another number of keys", small, u64(table+16, 16)},
		{"a smallest before in a section without befores", small, u64(table+24, 1)},
		{"an expiry table of another length", small, set(table+32, 3)},
		{"an empty expiry table", small, set(table+32, 0)},
		{"section padding at its end", small, set(table+63, 1)},
		{"keys that do not ascend", small, u64(body+8, 5)},
		{"keys that descend", small, u64(body+8, 4)},
		{"an expiry code beyond the table", small, func(b []byte) []byte { b[table+32] = 1; return append(b[:len(b)-16], make([]byte, 8)...) }},
		{"bits behind the last expiry code", small, set(body+24, 0x82)},
		{"expiries that do not ascend", small, u64(body+40, moment)},
		{"an expiry before 1970", small, u64(body+32, ^uint64(0))},
		{"an expiry after the year 9999", small, u64(body+40, uint64(crl.MaxTime+1))},
		{"an expiry that no entry has", small, set(body+24, 0)},
		{"a before past the year 9999", befores, u64(table+24, uint64(crl.MaxTime))},
		{"the end is cut off", small, func(b []byte) []byte { return b[:len(b)-1] }},
		{"an end that is not zero", small, func(b []byte) []byte { b[len(b)-1] = 1; return b }},
		{"a byte more", small, func(b []byte) []byte { return append(b, 0) }},
		{"the same section twice", small, twice},
	} {
		if err := add(test.why, test.f, test.change); err != nil {
			return err
		}
	}
	return s.json("broken-lists.json", all)
}

// twice repeats the only section.
func twice(b []byte) []byte {
	out := append(slices.Clone(b[:body]), b[table:body]...)
	content := b[body : len(b)-8]
	out = append(append(append(out, content...), content...), make([]byte, 8)...)
	out[10] = 2
	return out
}
